"""Regions that rest under any optimiser, not only `RoutedAdam`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from chisel.routing.errors import RoutingError, hint


class _Kept(NamedTuple):
    """What a step must not change of one parameter."""

    parameter: Tensor
    mask: Tensor
    """bool, in the parameter's shape."""
    value: Tensor
    state: dict[str, Tensor]
    """Tensors of the optimiser's state in the parameter's shape, such as momentum."""


def keep_resting(
    optimizer: torch.optim.Optimizer,
    named_parameters: Iterable[tuple[str, Tensor]],
    owned: Mapping[str, Mapping[str, Tensor]],
) -> list[RemovableHandle]:
    """Let regions rest under any optimiser in steps in which they get no gradient.

    Before a step, what is owned by a region without gradient is put aside (values, momentum,
    moments), and afterwards it is put back. Counts of steps go on (the bias correction of Adam
    among them); `RoutedAdam` has one for each region, and is faster.

    Args:
        optimizer: Of the model's parameters, such as `torch.optim.SGD` with momentum.
        named_parameters: `model.named_parameters()`.
        owned: `Router.owned()`.

    Returns:
        Handles; their `remove` ends it.

    Raises:
        RoutingError: `owned` names an unknown parameter.
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
        kept[:] = _put_aside(optimizer, masks)

    def after(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        with torch.no_grad():
            for one in kept:
                _put_back(optimizer, one)
        kept.clear()

    return [optimizer.register_step_pre_hook(before), optimizer.register_step_post_hook(after)]


def _put_aside(
    optimizer: torch.optim.Optimizer, masks: Mapping[Tensor, Mapping[str, Tensor]]
) -> Iterator[_Kept]:
    """What is owned by a region whose gradient is zero everywhere."""
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


def _put_back(optimizer: torch.optim.Optimizer, kept: _Kept) -> None:
    kept.parameter[kept.mask] = kept.value[kept.mask]
    for key, value in optimizer.state[kept.parameter].items():
        if isinstance(value, Tensor) and value.shape == kept.parameter.shape:
            if key in kept.state:
                value[kept.mask] = kept.state[key][kept.mask]
            else:  # made in this step
                value[kept.mask] = 0
