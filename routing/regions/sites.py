"""Sites: the places of a model at which something is masked, with the owner of every unit there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import Tensor, nn

from chisel.routing.errors import RoutingError
from chisel.routing.regions.region import Region, Regions
from chisel.routing.regions.layers import axis_of, widths


@dataclass(frozen=True)
class Site:
    """A module's output or input; all regions with units there are one mask."""

    module: str
    at: Literal["output", "input"]
    axis: int
    owners: tuple[int, ...]
    """The number of each unit's region; that of the last region + 1 where units are shared."""
    last: bool = False
    """Whether it is a layer with its units on the last axis, whatever `axis` says."""

    @property
    def what(self) -> str:
        """For messages."""
        return f"the {self.at} of {self.module}"

    def check(self, x: Any) -> None:
        """See to it that this is the tensor that was expected when regions were resolved.

        Raises:
            RoutingError: It is no tensor, or has another number of units.
        """
        if not isinstance(x, Tensor):
            raise RoutingError(f"{self.what} is a {type(x).__name__}; only a tensor can be routed")
        size = len(self.owners)
        if not -x.dim() <= self.axis < x.dim():
            raise RoutingError(f"{self.what} has shape {list(x.shape)}, no axis {self.axis}")
        if self.last and self.axis % x.dim() != x.dim() - 1:
            raise RoutingError(
                f"{self.what} has shape {list(x.shape)} with its units on the last axis, not on "
                f"{self.axis}: leave the part's axis out"
            )
        if x.shape[self.axis] != size:
            raise RoutingError(
                f"{self.what} has {x.shape[self.axis]} units on axis {self.axis}, not {size} as "
                "told from its neighbours: set the part's axis, or give attach an example input"
            )


@dataclass(frozen=True)
class LayerSite:
    """A Linear or Conv2d whose rows or columns (or both) have owners."""

    module: str
    rows: tuple[int, ...] | None = None
    columns: tuple[int, ...] | None = None


def activation_sites(model: nn.Module, regions: Regions) -> list[Site]:
    """Where activations are masked, in the order of declaration.

    Raises:
        RoutingError: Two regions count the units of one tensor on different axes.
    """
    sites: dict[tuple[str, str], Site] = {}
    for number, region in enumerate(regions.values()):
        for part in region.parts:
            if part.at == "parameters":
                continue
            last = axis_of(model.get_submodule(part.module)) == -1
            nobody = Site(part.module, part.at, part.axis, (len(regions),) * part.size, last)
            site = sites.get((part.module, part.at), nobody)
            if (site.axis, len(site.owners)) != (part.axis, part.size):
                raise RoutingError(
                    f"{site.what}: regions must count its units on one axis, not on both "
                    f"{site.axis} and {part.axis}"
                )
            owners = _with_owner(site.owners, part.units, number)
            sites[part.module, part.at] = replace(site, owners=owners)
    return list(sites.values())


def layer_sites(model: nn.Module, regions: Mapping[str, Region]) -> list[LayerSite]:
    """Where gradients of weights are masked, in the order of declaration."""
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
                assert reads is not None  # checked when it was resolved
                columns = site.columns or (len(regions),) * reads.input
                columns = _with_owner(columns, part.columns(model, consumer), number)
                sites[consumer] = replace(site, columns=columns)
    return list(sites.values())


def _with_owner(owners: tuple[int, ...], units: tuple[int, ...], number: int) -> tuple[int, ...]:
    mine = set(units)
    return tuple(number if unit in mine else owner for unit, owner in enumerate(owners))
