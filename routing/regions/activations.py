"""Read or replace the units of a region's part while the network runs."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from chisel.routing.errors import RoutingError
from chisel.routing.regions.region import Part
from chisel.routing.sites import Edit, Site, along, edit_at, own_axis


def edit_part(
    model: nn.Module, part: Part, edit: Edit, applies: Callable[[], bool] | None = None
) -> RemovableHandle:
    """Apply `edit` to every tensor at the part's site until the handle is removed.

    Args:
        model: The network.
        part: The part.
        edit: Function from the tensor to its replacement; None leaves it.
        applies: Called before each edit; returns whether to apply it. None: always.

    Raises:
        RoutingError: While the network runs, if a tensor has not the part's number of units.
    """
    return edit_at(model, part.site, of_units(model, part, edit), applies=applies)


def of_units(model: nn.Module, part: Part, edit: Edit) -> Edit:
    """Return an edit that first checks that the tensor has the units of a part."""
    site, size, own = part.site, part.size, own_axis(model, part.site)
    return lambda values: edit(require_units(values, site, size, own))


def select(part: Part, values: Tensor) -> Tensor:
    """Return a mask that is true for the part's units and broadcasts to `values`."""
    return along(part.mask.to(values.device), part.axis, values)


def require_units(value: Tensor, site: Site, size: int, own: int | None) -> Tensor:
    """Return a tensor after checking that it has `size` units on its site's axis.

    Args:
        value: The tensor at the site.
        site: The site, with an axis.
        size: Number of units.
        own: Axis of the layer's units; None if the layer's type does not say it.

    Raises:
        RoutingError: If it has another number, or the layer has its units on another axis.
    """
    axis, dims = site.axis, value.dim()
    assert axis is not None
    if not -dims <= axis < dims or value.shape[axis] != size:
        raise RoutingError(
            f"{site.where} has shape {list(value.shape)}, not {size} units on axis {axis}: set the "
            "part's axis, or give an example input when its region is resolved"
        )
    if own is not None and axis % dims != own % dims:
        raise RoutingError(
            f"{site.where} has shape {list(value.shape)} with its units on axis {own}, not on "
            f"{axis}: leave the part's axis out"
        )
    return value
