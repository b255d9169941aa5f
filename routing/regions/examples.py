"""Run a network on an example, whatever inputs it takes and outputs it returns."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Run a model in evaluation mode without gradients; restore every module's mode afterwards."""
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextlib.contextmanager
def learning(model: nn.Module) -> Iterator[None]:
    """Run a model in training mode with gradients; restore modes, buffers and random states.

    Batch norm and dropout stay in evaluation mode, because they read the same tensors there.
    """
    modes = {module: module.training for module in model.modules()}
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    try:
        model.train()
        for module in modes:
            if isinstance(module, nn.modules.batchnorm._NormBase | nn.modules.dropout._DropoutNd):
                module.eval()
        with torch.random.fork_rng(devices=devices), torch.enable_grad():
            yield
    finally:
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
        for module, mode in modes.items():
            module.training = mode


def as_inputs(example: Any) -> tuple[Any, ...]:
    """Return an example as the tuple of the model's positional arguments."""
    return example if isinstance(example, tuple) else (example,)


def outputs_of(model: nn.Module, example: Any) -> list[Tensor]:
    """Return all tensors that the model returns for an example, in evaluation mode."""
    with evaluating(model):
        return list(tensors_in(model(*as_inputs(example))))


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield all tensors in nested tuples, lists, mappings and dataclasses, in order."""
    if isinstance(value, Tensor):
        yield value
        return
    if isinstance(value, Mapping):
        value = list(value.values())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, field.name) for field in dataclasses.fields(value)]
    if isinstance(value, tuple | list):
        for item in value:
            yield from tensors_in(item)
