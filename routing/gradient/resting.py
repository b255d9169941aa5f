"""Keep regions without gradient unchanged with any optimiser, and measure how far regions moved."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from chisel.routing.errors import RoutingError, hint

SHARED = "shared"
"""Name for elements that no region owns."""

UNTESTED = "UNTESTED"
"""Name for a result that could not be tested."""


class _Kept(NamedTuple):
    """The elements of a parameter that a step must not change, and their values."""

    parameter: Tensor
    mask: Tensor
    """Bools in the parameter's shape, true for these elements."""
    value: Tensor
    state: dict[str, Tensor]
    """Tensors of the optimiser's state in the parameter's shape, such as momentum."""


def keep_resting(
    optimizer: torch.optim.Optimizer,
    named_parameters: Iterable[tuple[str, Tensor]],
    owned: Mapping[str, Mapping[str, Tensor]],
) -> list[RemovableHandle]:
    """Keep regions unchanged in optimiser steps in which they have no gradient.

    The elements of regions without gradient (values, momentum, moments) are saved before a step and
    restored after it. The optimiser's step counts still increase, and with them Adam's bias
    correction. `RoutedAdam` has one count for each region, and is faster.

    Args:
        optimizer: Optimiser of the model's parameters, such as `torch.optim.SGD` with momentum.
        named_parameters: The model's `named_parameters()`.
        owned: Masks of elements by parameter and region (`Router.owned()`).

    Returns:
        Handles of the hooks; call `remove` of each to end this.

    Raises:
        RoutingError: If `owned` names an unknown parameter. In a step: if it is given a closure,
            which computes gradients only during the step (so `LBFGS` cannot be used).
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
    """Yield copies of the elements that regions without gradient own."""
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
            # State that this step created starts at 0.
            value[kept.mask] = kept.state[key][kept.mask] if key in kept.state else 0


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """Return copies of all parameters by name."""
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def moved(
    model: nn.Module, before: Mapping[str, Tensor], owned: Mapping[str, Mapping[str, Tensor]]
) -> dict[str, dict[str, float]]:
    """Return the largest change of any element since a snapshot, by region and parameter.

    After any number of optimiser steps on examples that are routed away from a region, all of its
    numbers must be exactly 0; this tests masks, clipping, momentum and weight decay together.

    Args:
        model: The network.
        before: Earlier result of `snapshot(model)`.
        owned: Masks of elements by parameter and region (`Router.owned`).

    Returns:
        Changes by region, then by parameter; `SHARED` is for elements of no region. A region that
        is not protected also has NaN under `UNTESTED`: it may move, or owns nothing to test.
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
