"""Interventions on weights: what one checkpoint has more than another, added in some measure."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from chisel.configs import ConfigError, hint


def weight_difference(a: nn.Module, b: nn.Module) -> dict[str, Tensor]:
    """The floating-point parameters and buffers of `a` minus those of `b`, by name.

    Raises:
        ConfigError: If one has a name that the other has not, or of another shape.
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
    """Within the context, `coeff * difference` is added to the weights; then every byte is back.

    Other threads that run the model meanwhile run it with these weights: give each thread a model
    of its own. A thread that wants to change the weights, too, is refused.

    Args:
        model: The network.
        difference: By the parameter's name; those that are not named stay.
        coeff: In what measure.

    Raises:
        ConfigError: If the network has no such parameter or it has another shape, or another
            thread is changing its weights.
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
"""Held by the thread that changes a network's weights: two would put back what the other added."""


@contextlib.contextmanager
def _alone(model: nn.Module) -> Iterator[None]:
    lock = _locks.setdefault(model, threading.RLock())
    if not lock.acquire(blocking=False):
        raise ConfigError(
            "another thread is changing the weights of this model: give each thread a copy of it"
        )
    try:
        yield
    finally:
        lock.release()


def _floating(model: nn.Module) -> dict[str, Tensor]:
    """The live tensors behind a state dict, without counters and the like."""
    state = model.state_dict(keep_vars=True)
    return {name: value for name, value in state.items() if value.is_floating_point()}
