"""Read or replace the units of a part while the network runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from chisel.routing.errors import RoutingError
from chisel.routing.regions.region import Part

Edit = Callable[[Tensor], Tensor | None]
"""Returns what replaces the tensor at a site; None leaves it."""


def edit_at(model: nn.Module, part: Part, edit: Edit) -> RemovableHandle:
    """Let every tensor that passes the part's site go through `edit` until the handle is removed.

    Raises:
        RoutingError: When data passes whose shape is not the one the part was resolved for.
    """
    module = model.get_submodule(part.module)
    if part.side == "input":

        def before(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
            value = args[0] if args else None
            edited = edit(require_units(value, part.where, part.axis, part.size))
            return None if edited is None else (edited, *args[1:])

        return module.register_forward_pre_hook(before)

    def after(module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        value = first_of(output)
        edited = edit(require_units(value, part.where, part.axis, part.size))
        return None if edited is None else with_first(output, edited)

    return module.register_forward_hook(after)


def first_of(output: Any) -> Any:
    """Return what has units of a module's output: the first of a tuple (attention), or itself."""
    return output[0] if type(output) is tuple and output else output


def with_first(output: Any, value: Tensor) -> Any:
    """Return the output with another first tensor."""
    return (value, *output[1:]) if type(output) is tuple else value


def select(part: Part, values: Tensor) -> Tensor:
    """Return a mask that is true for the part's units and broadcasts to `values`."""
    return along(part, part.mask.to(values.device), values)


def along(part: Part, units: Tensor, values: Tensor) -> Tensor:
    """Shape one number per unit as `[1, …, U, …, 1]`, so that it broadcasts to `values`."""
    shape = [1] * values.dim()
    shape[part.axis] = -1
    return units.view(shape)


def require_units(value: Any, where: str, axis: int, size: int) -> Tensor:
    """Check that something is a tensor with this many units on this axis, and return it.

    Raises:
        RoutingError: It is not.
    """
    if not isinstance(value, Tensor):
        raise RoutingError(f"{where} is a {type(value).__name__}, not a tensor with units")
    if not -value.dim() <= axis < value.dim() or value.shape[axis] != size:
        raise RoutingError(
            f"{where} has shape {list(value.shape)}, not {size} units on axis {axis}: set the "
            "part's axis, or give an example input when its region is resolved"
        )
    return value
