"""Regions that rest under any optimiser, not only `RoutedAdam`, and how far they moved."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from chisel.routing.errors import RoutingError, hint

SHARED = "shared"
"""Stands for elements that no region owns."""

UNTESTED = "UNTESTED"
"""Stands for a region of which it cannot be said whether it rests."""


class _Kept(NamedTuple):
    """What a step must not change of one parameter."""

    parameter: Tensor
    mask: Tensor
    """Bools in the parameter's shape."""
    value: Tensor
    state: dict[str, Tensor]
    """Tensors of the optimiser's state in the parameter's shape, such as momentum."""


def keep_resting(
    optimizer: torch.optim.Optimizer,
    named_parameters: Iterable[tuple[str, Tensor]],
    owned: Mapping[str, Mapping[str, Tensor]],
) -> list[RemovableHandle]:
    """Let regions rest under any optimiser in steps in which they get no gradient.

    Before a step, what a region without gradient owns (values, momentum, moments) is saved, and
    afterwards it is restored. The optimiser's counts of steps go on, and with them the bias
    correction of Adam. `RoutedAdam` has one count for each region, and is faster.

    Args:
        optimizer: Of the model's parameters, such as `torch.optim.SGD` with momentum.
        named_parameters: `model.named_parameters()`.
        owned: `Router.owned()`.

    Returns:
        Handles; call `remove` of each to end it.

    Raises:
        RoutingError: `owned` names an unknown parameter; or a step is given a closure, which makes
            gradients only during the step (so `LBFGS` cannot be used).
    """
    named = dict(named_parameters)
    for name in owned:
        if name not in named:
            raise RoutingError(f"no parameter {name!r}; {hint(name, named)}")
    masks = {
        named[name]: {region: mask.to(named[name].device) for region, mask in by_region.items()}
        for name, by_region in owned.items()
    }
    kept: list[_Kept] = []

    def before(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        if any(value is not None for value in (*args[1:], *kwargs.values())):
            raise RoutingError(
                "keep_resting needs the gradients before the step: call step without a closure"
            )
        kept[:] = _saved(optimizer, masks)

    def after(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        with torch.no_grad():
            for one in kept:
                _restore(optimizer, one)
        kept.clear()

    return [optimizer.register_step_pre_hook(before), optimizer.register_step_post_hook(after)]


def _saved(
    optimizer: torch.optim.Optimizer, masks: Mapping[Tensor, Mapping[str, Tensor]]
) -> Iterator[_Kept]:
    """Copies of what is owned by regions whose gradient is zero everywhere."""
    moving = {
        region
        for parameter, by_region in masks.items()
        if parameter.grad is not None
        for region, mask in by_region.items()
        if parameter.grad[mask].any()
    }
    for parameter, by_region in masks.items():
        resting = [mask for region, mask in by_region.items() if region not in moving]
        if resting:
            mask = torch.stack(resting).any(0)
            state = {
                key: value.clone()
                for key, value in optimizer.state[parameter].items()
                if isinstance(value, Tensor) and value.shape == parameter.shape
            }
            yield _Kept(parameter, mask, parameter.detach().clone(), state)


def _restore(optimizer: torch.optim.Optimizer, kept: _Kept) -> None:
    kept.parameter[kept.mask] = kept.value[kept.mask]
    for key, value in optimizer.state[kept.parameter].items():
        if isinstance(value, Tensor) and value.shape == kept.parameter.shape:
            # State that this step has made starts at 0.
            value[kept.mask] = kept.state[key][kept.mask] if key in kept.state else 0


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """Copy all parameters, by name."""
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def moved(
    model: nn.Module, before: Mapping[str, Tensor], owned: Mapping[str, Mapping[str, Tensor]]
) -> dict[str, dict[str, float]]:
    """Return the largest change of any element since a snapshot, by region and parameter.

    After any number of optimiser steps on examples that are routed away from a region, all of its
    numbers must be exactly 0: masks, clipping, momentum and weight decay all count.

    Args:
        model: The network.
        before: `snapshot(model)`, taken then.
        owned: Masks of elements by parameter and region (`Router.owned`).

    Returns:
        By region, then by parameter; `shared` has what no region owns. A region that is not
        protected also has `UNTESTED`, with NaN: it may move, or own nothing that can be tested.
    """
    unprotected = getattr(owned, "unprotected", ())
    found: dict[str, dict[str, float]] = {region: {UNTESTED: math.nan} for region in unprotected}
    for name, parameter in model.named_parameters():
        change = (parameter.detach() - before[name]).abs()
        free = torch.ones_like(change, dtype=torch.bool)
        for region, mask in owned.get(name, {}).items():
            own = mask.to(change.device)
            free &= ~own
            found.setdefault(region, {})[name] = change[own].max().item()
        if free.any():
            found.setdefault(SHARED, {})[name] = change[free].max().item()
    return found
