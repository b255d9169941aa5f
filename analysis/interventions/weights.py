"""Intervene on weights: multiply the difference between two checkpoints, and add it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from chisel.analysis.results import as_config_errors
from chisel.configs import ConfigError, hint
from chisel.routing import RoutingError
from chisel.routing.sites import Thread


def weight_difference(a: nn.Module, b: nn.Module) -> dict[str, Tensor]:
    """Return the floating-point parameters and buffers of `a` minus those of `b`, by name.

    Raises:
        ConfigError: If the two networks have different names or shapes.
    """
    first, second = _floating(a), _floating(b)
    for name in first.keys() ^ second.keys():
        raise ConfigError(f"only one of the two networks has {name}: they are built differently")
    for name, value in first.items():
        if value.shape != second[name].shape:
            shapes = f"{list(value.shape)} and {list(second[name].shape)}"
            raise ConfigError(f"{name} has the shapes {shapes}: the networks are built differently")
    return {name: (value - second[name]).detach() for name, value in first.items()}


@contextlib.contextmanager
def with_weights(
    model: nn.Module, difference: Mapping[str, Tensor], coeff: float = 1.0
) -> Iterator[None]:
    """Add `coeff * difference` to the weights within the context, and restore every byte after it.

    Within the context, another thread that changes the weights or runs the (uncompiled) model is
    refused; give each thread its own copy of the model.

    Args:
        model: The network.
        difference: Change of each parameter by name; other parameters stay.
        coeff: Factor by which the difference is multiplied before it is added.

    Raises:
        ConfigError: If the network has no such parameter, the parameter has another shape, or
            another thread is changing the weights.
    """
    weights = _floating(model)
    for name, change in difference.items():
        if name not in weights:
            raise ConfigError(f"no parameter {name!r}; {hint(name, weights)}")
        if weights[name].shape != change.shape:
            raise ConfigError(
                f"{name} has shape {list(weights[name].shape)}, not {list(change.shape)}"
            )
    with _alone(model):
        saved = {name: weights[name].detach().clone() for name in difference}
        try:
            with torch.no_grad():
                for name, change in difference.items():
                    weights[name].add_(change.to(weights[name]), alpha=coeff)
            yield
        finally:
            with torch.no_grad():
                for name, value in saved.items():
                    weights[name].copy_(value)


_locks: WeakKeyDictionary[nn.Module, Any] = WeakKeyDictionary()
"""A lock for each network, which the thread that changes its weights holds. Without it, two threads
would restore each other's changed weights."""


@contextlib.contextmanager
def _alone(model: nn.Module) -> Iterator[None]:
    """Refuse another thread that enters the context for the same model, or runs it."""
    lock = _locks.setdefault(model, threading.RLock())
    if not lock.acquire(blocking=False):
        raise ConfigError(
            "another thread is changing the weights of this model: give each thread a copy of it"
        )
    thread, is_open = Thread("another thread has changed the weights of this model"), True

    def only_here(*_: object) -> None:
        if is_open:  # in a copy of the model the hook stays
            with as_config_errors(RoutingError):
                thread.require()

    with contextlib.ExitStack() as stack:
        stack.callback(lock.release)
        for module in model.modules():
            stack.callback(module.register_forward_pre_hook(only_here).remove)
        try:
            yield
        finally:
            is_open = False


def _floating(model: nn.Module) -> dict[str, Tensor]:
    """Return the floating-point tensors of a state dict, sharing their memory."""
    state = model.state_dict(keep_vars=True)
    return {name: value for name, value in state.items() if value.is_floating_point()}
