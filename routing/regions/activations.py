"""Where a part's units can be looked at and changed while the network runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from chisel.routing.errors import RoutingError
from chisel.routing.regions.region import Part

Edit = Callable[[Tensor], Tensor | None]
"""Given the tensor at a site, what takes its place; None leaves it."""


def side_of(part: Part) -> Literal["input", "output"]:
    """Whether the part's units are at what its module reads or at what it returns."""
    return "input" if part.at == "input" else "output"


def edit_at(model: nn.Module, part: Part, edit: Edit) -> RemovableHandle:
    """Let every tensor that passes the part's site go through `edit` until the handle is removed.

    Raises:
        RoutingError: When data passes whose shape is not the one the part was resolved for.
    """
    module = model.get_submodule(part.module)
    if side_of(part) == "input":

        def before(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
            edited = edit(_checked(args[0] if args else None, part))
            return None if edited is None else (edited, *args[1:])

        return module.register_forward_pre_hook(before)

    def after(module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        edited = edit(_checked(first_of(output), part))
        return None if edited is None else with_first(output, edited)

    return module.register_forward_hook(after)


def first_of(output: Any) -> Any:
    """What of a module's output has units: the first of a tuple (attention, blocks), or itself."""
    return output[0] if type(output) is tuple and output else output


def with_first(output: Any, value: Tensor) -> Any:
    """The output with another first tensor."""
    return (value, *output[1:]) if type(output) is tuple else value


def select(part: Part, values: Tensor) -> Tensor:
    """A mask that is true for the part's units and broadcasts to `values`."""
    mask = torch.zeros(part.size, dtype=torch.bool)
    mask[list(part.units)] = True
    return along(part, mask.to(values.device), values)


def along(part: Part, units: Tensor, values: Tensor) -> Tensor:
    """One number per unit, shaped `[1, …, U, …, 1]` so that it broadcasts to `values`."""
    shape = [1] * values.dim()
    shape[part.axis] = -1
    return units.view(shape)


def _checked(value: Any, part: Part) -> Tensor:
    where = f"the {side_of(part)} of {part.module}"
    if not isinstance(value, Tensor):
        raise RoutingError(f"{where} is a {type(value).__name__}, not a tensor with units")
    require_units(where, value.shape, part.axis, part.size)
    return value


def require_units(where: str, shape: torch.Size, axis: int, size: int) -> None:
    """See to it that a tensor has this many units on this axis.

    Raises:
        RoutingError: It has not.
    """
    if not -len(shape) <= axis < len(shape) or shape[axis] != size:
        raise RoutingError(
            f"{where} has shape {list(shape)}, not {size} units on axis {axis}: set the part's "
            "axis, or resolve it with an example input"
        )
