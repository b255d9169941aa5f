"""Draw random regions, to compare an ablation with that of as many other units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from chisel.routing.errors import RoutingError
from chisel.routing.regions.region import Part, Region, region_named

SMALLEST = 8
"""Least number of units of a place that controls are drawn from: a unit of a gate is an expert."""

_Channel = tuple[tuple[Part, ...], int]
"""Several places (see `_place`) and the unit in each, such as a channel of a residual stream."""


def random_like(
    regions: Mapping[str, Region],
    name: str,
    model: nn.Module,
    generator: torch.Generator,
    *,
    gates: bool = False,
) -> Region:
    """Draw a control: a region with as many units as another, from places where regions are.

    A place is an activation that has units of a region. If the same regions share several places,
    such as the outputs of blocks, a unit is drawn for all of them together, and the control has as
    many units in each as the region. Places of other regions, such as their experts, are drawn from
    too if they have the same number of units. Places with fewer than `SMALLEST` units are left out,
    unless `gates` is true. Then as many of their units as the region has are drawn, so that a
    control silences an expert as the region does.

    Args:
        regions: Regions by name.
        name: Name of the region whose size the control has.
        model: The network of the regions.
        generator: Source of the draw.
        gates: Whether the control has units of small places (gates) if the region has some.

    Returns:
        A region for `ablate` and `record_means`, named `random:NAME`.

    Raises:
        RoutingError: If there is no such region, or no units to draw from but the region's own.
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
            f"region {name} has no units in an activation with {SMALLEST} units or more; controls "
            "are drawn from such activations only, not from gates"
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
    """Return whether a region has some, but not all, units of a small place, such as a gate.

    Random regions have units of such places only with `random_like(…, gates=True)`.
    """
    return any(map(_of_gate, region.parts))


def _of_gate(part: Part) -> bool:
    return part.size < SMALLEST and not part.whole


def _place(part: Part) -> Part:
    """Return a part's place: the part without units and consumers, which equal places share."""
    return replace(part, at=part.side, units=(), consumers=())


def _units_of_gates(region: Region, generator: torch.Generator) -> dict[Part, list[int]]:
    """Draw as many units as the region has in each small place where it has some but not all."""
    return {
        _place(part): torch.randperm(part.size, generator=generator, device=generator.device)[
            : len(part.units)
        ].tolist()
        for part in region.parts
        if _of_gate(part)
    }


def _interchangeable(regions: Mapping[str, Region]) -> list[list[_Channel]]:
    """Return lists of channels that may replace each other.

    The channels of a list have equally many places, with equally many units, on the same axis.
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
    """Return the number of units that the region has at each place of these channels."""
    units: dict[Part, set[int]] = {}
    for part in region.parts:
        units.setdefault(_place(part), set()).update(part.units)
    distinct = dict.fromkeys(places for places, _ in channels)
    return [
        sum(len(units.get(place, ())) for place in column) for column in zip(*distinct, strict=True)
    ]
