"""Read or replace the units of a part while the network runs."""

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
    """Let every tensor that passes the part's site go through `edit` until the handle is removed.

    Raises:
        RoutingError: When data passes whose shape is not the one the part was resolved for.
    """
    return edit_at(model, part.site, of_units(model, part, edit), applies=applies)


def of_units(model: nn.Module, part: Part, edit: Edit) -> Edit:
    """Return an edit that first checks that what it gets has the units of a part."""
    site, size, own = part.site, part.size, own_axis(model, part.site)
    return lambda values: edit(require_units(values, site, size, own))


def select(part: Part, values: Tensor) -> Tensor:
    """Return a mask that is true for the part's units and broadcasts to `values`."""
    return along(part.mask.to(values.device), part.axis, values)


def require_units(value: Tensor, site: Site, size: int, own: int | None) -> Tensor:
    """Check that a tensor has this many units on its site's axis, and return it.

    Args:
        value: The tensor at the site.
        site: The site, whose axis is known.
        size: Number of units.
        own: Axis of the layer's units; None if its type does not say it.

    Raises:
        RoutingError: It has not, or the layer has its units on another axis.
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
