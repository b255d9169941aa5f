"""The places of a model at which gradient is masked, with the region of every unit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor, nn

from chisel.routing.errors import RoutingError
from chisel.routing.regions.region import Region, Regions
from chisel.routing.sites import Site, own_axis


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


@dataclass
class LayerSite:
    """A Linear or Conv2d whose rows or columns (or both) have owners."""

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
            sites[key] = replace(site, owners=_with_owner(site.owners, part.mask, number))
    for module, side, element in sites:
        if element is not None and (module, side, None) in sites:
            raise RoutingError(
                f"the {side} of {module}: one part says element {element} and another none; say it "
                "in both"
            )
    return list(sites.values())


def layer_sites(model: nn.Module, regions: Mapping[str, Region]) -> dict[str, LayerSite]:
    """Collect the layers whose weights' gradients are masked, in the order of declaration."""
    sites: dict[str, LayerSite] = defaultdict(LayerSite)
    for number, region in enumerate(regions.values()):
        for part in region.parts:
            if part.at == "parameters":
                shared = (len(regions),) * part.size
                site = sites[part.module]
                site.rows = _with_owner(site.rows or shared, part.mask, number)
            for consumer in part.consumers:
                columns, site = part.columns(model, consumer), sites[consumer]
                shared = (len(regions),) * len(columns)
                site.columns = _with_owner(site.columns or shared, columns, number)
    return sites


def _with_owner(owners: tuple[int, ...], units: Tensor, number: int) -> tuple[int, ...]:
    pairs = zip(owners, units.tolist(), strict=True)
    return tuple(number if is_mine else owner for owner, is_mine in pairs)
