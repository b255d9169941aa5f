"""Collect the places of a model at which gradient is masked, with the region of every unit."""

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
    """A site with one mask for all regions that have units there."""

    site: Site
    where: str
    """The site's name, stored so that it is not computed for every batch."""
    axis: int
    """Axis of the units."""
    owners: tuple[int, ...]
    """Number of each unit's region, from 0; the number of regions for units of none."""
    own: int | None
    """Axis of the layer's units; None if the layer's type does not say it."""
    copy: bool = True
    """Whether the model may later change the site's tensor in place, so that it must be copied."""


@dataclass
class LayerSite:
    """A Linear or Conv2d whose rows or columns (or both) belong to regions."""

    rows: tuple[int, ...] | None = None
    columns: tuple[int, ...] | None = None


def activation_sites(model: nn.Module, regions: Regions) -> list[MaskedSite]:
    """Collect the sites at which activations are masked, in the order of declaration.

    Raises:
        RoutingError: If two regions have the units of one tensor on different axes, or only one of
            them says which element of a tuple has its units.
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
                f"the {side} of {module}: one part has element {element} and another none; give it "
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
