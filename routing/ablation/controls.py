"""Random regions as controls: what ablating as many other units does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from chisel.routing.errors import RoutingError
from chisel.routing.regions.region import Part, Region, region_named

SMALLEST = 8
"""Places with fewer units are not drawn from: one unit of a gate is a whole expert."""

_Channel = tuple[tuple[Part, ...], int]
"""One unit in several places (see `_place`), as a channel of a residual stream."""


def random_like(
    regions: Mapping[str, Region],
    name: str,
    model: nn.Module,
    generator: torch.Generator,
    *,
    gates: bool = False,
) -> Region:
    """Draw a control: as many units as a region has, from all places where any region is.

    A unit is drawn for all places that the same regions have in common, so that a control has the
    same channels at every output of a block, as the region does; in each of these places it has as
    many units as the region. Places of other regions (their experts) are drawn from as well if they
    have the same number of units. Places with fewer than `SMALLEST` units are left out, unless
    `gates`: then as many of their units as the region has are drawn, so that a control silences an
    expert, its own or another, as the region does.

    Args:
        regions: Regions by name.
        name: The region whose size the control has.
        model: The network of the regions.
        generator: Source of the draw.
        gates: Whether the control has units of the small places (gates) where the region has some.

    Returns:
        A region for `ablate` and `record_means`, named `random:NAME`.

    Raises:
        RoutingError: If there is no such region, or nothing to draw from but the region itself.
    """
    region = region_named(regions, name)
    units: dict[Part, list[int]] = {}
    has_others = False
    for channels in _interchangeable(regions):
        order = torch.randperm(len(channels), generator=generator, device=generator.device).tolist()
        for position, count in enumerate(_counts(region, channels)):
            has_others |= 0 < count < len(channels)
            for places, unit in (channels[index] for index in order[:count]):
                units.setdefault(places[position], []).append(unit)
    if not units:
        raise RoutingError(
            f"region {name} has no place with {SMALLEST} units or more: controls are drawn from "
            "such activations only, not from gates"
        )
    if not has_others:
        raise RoutingError(f"region {name} has all the units that a control would be drawn from")
    if gates:
        units |= _units_of_gates(region, generator)
    for place in units:
        model.get_submodule(place.module)
    order = sorted(
        units, key=lambda place: (place.module, place.at, place.axis, place.element or 0)
    )
    parts = (replace(place, units=tuple(sorted(units[place]))) for place in order)
    return Region(f"random:{name}", tuple(parts))


def has_units_of_gates(region: Region) -> bool:
    """Whether a region has some, but not all, of the few units of a place, such as a gate.

    Random regions have units of such places only where `random_like` is asked for `gates`.
    """
    return any(map(_of_gate, region.parts))


def _of_gate(part: Part) -> bool:
    return part.size < SMALLEST and not part.whole


def _place(part: Part) -> Part:
    """Return a part's place: the activation with its units, and none of them."""
    return replace(part, at=part.side, units=(), consumers=())


def _units_of_gates(region: Region, generator: torch.Generator) -> dict[Part, list[int]]:
    """As many random units as the region has, in each small place where it has some but not all."""
    return {
        _place(part): torch.randperm(part.size, generator=generator, device=generator.device)[
            : len(part.units)
        ].tolist()
        for part in region.parts
        if _of_gate(part)
    }


def _interchangeable(regions: Mapping[str, Region]) -> list[list[_Channel]]:
    """Lists of channels that may stand for each other.

    They are in as many places, on the same axis, each among as many units.
    """
    owners: dict[Part, set[str]] = {}
    for name, region in regions.items():
        for part in region.parts:
            if part.size >= SMALLEST:
                owners.setdefault(_place(part), set()).add(name)
    together: dict[tuple[frozenset[str], int, int], list[Part]] = {}
    for place, names in owners.items():
        together.setdefault((frozenset(names), place.size, place.axis), []).append(place)
    kinds: dict[tuple[int, int, int], list[_Channel]] = {}
    for (_, size, axis), places in together.items():
        channels = kinds.setdefault((size, axis, len(places)), [])
        channels += [(tuple(places), unit) for unit in range(size)]
    return list(kinds.values())


def _counts(region: Region, channels: list[_Channel]) -> list[int]:
    """How many units the region has at the first, the second, … place of these channels."""
    units: dict[Part, set[int]] = {}
    for part in region.parts:
        units.setdefault(_place(part), set()).update(part.units)
    distinct = dict.fromkeys(places for places, _ in channels)
    return [
        sum(len(units.get(place, ())) for place in column) for column in zip(*distinct, strict=True)
    ]
