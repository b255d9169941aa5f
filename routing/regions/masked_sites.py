"""The places of a model at which gradient is masked, with the region of every unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor, nn

from chisel.routing.errors import RoutingError
from chisel.routing.regions.activations import require_units
from chisel.routing.regions.region import Region, Regions
from chisel.routing.sites import Site, own_axis
from chisel.routing.sites.layers import widths


@dataclass(frozen=True)
class MaskedSite:
    """A site at which all regions with units there are one mask."""

    site: Site
    where: str
    """The site's name, which need not be made anew for every batch."""
    axis: int
    """Axis of the units."""
    owners: tuple[int, ...]
    """The number of each unit's region; the last region's number + 1 for shared units."""
    own: int | None
    """Axis of the layer's units; None if its type does not say it."""
    copy: bool = True
    """Whether what is behind the site may be changed in place."""

    def check(self, value: Tensor) -> Tensor:
        """Check that this is the tensor that was expected when regions were resolved.

        Raises:
            RoutingError: It has another number of units, or they are on another axis.
        """
        return require_units(value, self.site, len(self.owners), self.own)


@dataclass(frozen=True)
class LayerSite:
    """A Linear or Conv2d whose rows or columns (or both) have owners."""

    module: str
    rows: tuple[int, ...] | None = None
    columns: tuple[int, ...] | None = None


def activation_sites(model: nn.Module, regions: Regions) -> list[MaskedSite]:
    """Collect where activations are masked, in the order of declaration.

    Raises:
        RoutingError: Two regions count the units of one tensor on different axes, or only one says
            which element of a tuple has its units.
    """
    sites: dict[tuple[str, str, int | None], MaskedSite] = {}
    for number, region in enumerate(regions.values()):
        for part in region.parts:
            if part.at == "parameters":
                continue
            key = (part.module, part.side, part.element)
            shared = (len(regions),) * part.size
            site = sites.get(key) or MaskedSite(
                part.site, part.where, part.axis, shared, own_axis(model, part.site)
            )
            if (site.axis, len(site.owners)) != (part.axis, part.size):
                raise RoutingError(
                    f"{site.where}: regions must count its units on one axis, not on both "
                    f"{site.axis} and {part.axis}"
                )
            sites[key] = replace(site, owners=_with_owner(site.owners, part.units, number))
    for module, side, element in sites:
        if element is not None and (module, side, None) in sites:
            raise RoutingError(
                f"the {side} of {module}: one part says element {element} and another none; say it "
                "in both"
            )
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
