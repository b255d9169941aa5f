"""Sites: the places of a model at which something is masked, and the region of every unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from chisel.routing.errors import RoutingError
from chisel.routing.regions.activations import require_units
from chisel.routing.regions.layers import axis_of, widths
from chisel.routing.regions.region import Region, Regions, Side


@dataclass(frozen=True)
class Site:
    """A module's output or input; all regions with units there are one mask."""

    module: str
    side: Side
    axis: int
    owners: tuple[int, ...]
    """The number of each unit's region; the last region's number + 1 for shared units."""
    last: bool = False
    """Whether it is a layer with its units on the last axis, whatever `axis` says."""

    @property
    def where(self) -> str:
        """The place of the units, for messages."""
        return f"the {self.side} of {self.module}"

    def check(self, value: Any) -> Tensor:
        """Check that this is the tensor that was expected when regions were resolved.

        Raises:
            RoutingError: It is no tensor, or has another number of units.
        """
        x = require_units(value, self.where, self.axis, len(self.owners))
        if self.last and self.axis % x.dim() != x.dim() - 1:
            raise RoutingError(
                f"{self.where} has shape {list(x.shape)} with its units on the last axis, not on "
                f"{self.axis}: leave the part's axis out"
            )
        return x


@dataclass(frozen=True)
class LayerSite:
    """A Linear or Conv2d whose rows or columns (or both) have owners."""

    module: str
    rows: tuple[int, ...] | None = None
    columns: tuple[int, ...] | None = None


def activation_sites(model: nn.Module, regions: Regions) -> list[Site]:
    """Collect where activations are masked, in the order of declaration.

    Raises:
        RoutingError: Two regions count the units of one tensor on different axes.
    """
    sites: dict[tuple[str, str], Site] = {}
    for number, region in enumerate(regions.values()):
        for part in region.parts:
            if part.at == "parameters":
                continue
            last = axis_of(model.get_submodule(part.module)) == -1
            shared = Site(part.module, part.side, part.axis, (len(regions),) * part.size, last)
            site = sites.get((part.module, part.side), shared)
            if (site.axis, len(site.owners)) != (part.axis, part.size):
                raise RoutingError(
                    f"{site.where}: regions must count its units on one axis, not on both "
                    f"{site.axis} and {part.axis}"
                )
            owners = _with_owner(site.owners, part.units, number)
            sites[part.module, part.side] = replace(site, owners=owners)
    return list(sites.values())


def layer_sites(model: nn.Module, regions: Mapping[str, Region]) -> list[LayerSite]:
    """Collect where gradients of weights are masked, in the order of declaration."""
    sites: dict[str, LayerSite] = {}
    for number, region in enumerate(regions.values()):
        for part in region.parts:
            if part.at == "parameters":
                site = sites.get(part.module, LayerSite(part.module))
                rows = site.rows or (len(regions),) * part.size
                rows = _with_owner(rows, part.units, number)
                sites[part.module] = replace(site, rows=rows)
            for consumer in part.consumers:
                site = sites.get(consumer, LayerSite(consumer))
                reads = widths(model.get_submodule(consumer))
                assert reads is not None  # `resolve` has checked it
                columns = site.columns or (len(regions),) * reads.input
                columns = _with_owner(columns, part.columns(model, consumer), number)
                sites[consumer] = replace(site, columns=columns)
    return list(sites.values())


def _with_owner(owners: tuple[int, ...], units: tuple[int, ...], number: int) -> tuple[int, ...]:
    mine = set(units)
    return tuple(number if unit in mine else owner for unit, owner in enumerate(owners))
