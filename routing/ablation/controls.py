"""Random regions: what ablating as many other units does."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from chisel.routing.errors import RoutingError, hint
from chisel.routing.regions.activations import side_of
from chisel.routing.regions.region import Part, Region

SMALLEST = 8
"""Sites of fewer units are left alone: a random unit of a gate is a region by itself."""

_Place = tuple[str, str, int]
"""Module, side and axis."""
_Lane = tuple[tuple[_Place, ...], int]
"""One unit, followed through several places."""


def random_like(
    regions: Mapping[str, Region],
    name: str,
    model: nn.Module,
    generator: torch.Generator,
    *,
    gates: bool = False,
) -> Region:
    """A control of a region's size, whose units are drawn from all places where any region is.

    A unit is followed through all places that the same regions have in common, so that a control
    takes the same channels at every output of a block, as the region does; in each of its places it
    has as many units as the region. Places that other regions have (their experts) join the draw if
    they have the same number of units. Sites of fewer than `SMALLEST` units are left alone, unless
    `gates`: then as many of their units as the region has are drawn there, too, so that a control
    silences an expert, its own or another, as the region does.

    Args:
        regions: Regions by name.
        name: The one whose size the control has.
        model: The network of the regions.
        generator: Source of the draw; another state, another control.
        gates: Whether the control has units of the small sites (gates) that the region has a part
            of.

    Returns:
        A region for `ablate` and `record_means`, named `random:NAME`.

    Raises:
        RoutingError: If there is no such region, or nothing to draw from but the region itself.
    """
    if name not in regions:
        raise RoutingError(f"no region {name!r}; {hint(name, regions)}")
    parts: dict[_Place, list[int]] = {}
    sizes = {_place(part): part.size for region in regions.values() for part in region.parts}
    has_others = False
    for lanes in _lanes_by_kind(regions).values():
        order = torch.randperm(len(lanes), generator=generator, device=generator.device).tolist()
        for position, count in enumerate(_counts(regions[name], lanes)):
            has_others |= 0 < count < len(lanes)
            for places, unit in (lanes[index] for index in order[:count]):
                parts.setdefault(places[position], []).append(unit)
    if not parts:
        raise RoutingError(f"region {name} has no place with {SMALLEST} units to draw from")
    if not has_others:
        raise RoutingError(f"region {name} has all the units that a control would be drawn from")
    if gates:
        parts |= _units_of_gates(regions[name], generator)
    for module, _, _ in parts:
        model.get_submodule(module)
    return Region(
        f"random:{name}",
        tuple(
            Part(module, "input" if side == "input" else "output", tuple(sorted(units)), axis, size)
            for (module, side, axis), units in sorted(parts.items())
            for size in [sizes[module, side, axis]]
        ),
    )


def _units_of_gates(region: Region, generator: torch.Generator) -> dict[_Place, list[int]]:
    """As many units as the region has, at random, of each small site that it has a part of."""
    return {
        _place(part): torch.randperm(part.size, generator=generator, device=generator.device)[
            : len(part.units)
        ].tolist()
        for part in region.parts
        if part.size < SMALLEST and not part.whole
    }


def _place(part: Part) -> _Place:
    return part.module, side_of(part), part.axis


def _lanes_by_kind(regions: Mapping[str, Region]) -> dict[tuple[int, int, int], list[_Lane]]:
    """Lanes that may stand for each other: of as many units, and through as many places."""
    owners: dict[_Place, set[str]] = {}
    sizes: dict[_Place, int] = {}
    for name, region in regions.items():
        for part in region.parts:
            if part.size >= SMALLEST:
                owners.setdefault(_place(part), set()).add(name)
                sizes[_place(part)] = part.size
    together: dict[tuple[frozenset[str], int, int], list[_Place]] = {}
    for place, names in owners.items():
        together.setdefault((frozenset(names), sizes[place], place[2]), []).append(place)
    kinds: dict[tuple[int, int, int], list[_Lane]] = {}
    for (_, size, axis), places in together.items():
        lanes = kinds.setdefault((size, axis, len(places)), [])
        lanes += [(tuple(places), unit) for unit in range(size)]
    return kinds


def _counts(region: Region, lanes: list[_Lane]) -> list[int]:
    """How many units the region has at the first, the second, … place of these lanes."""
    units: dict[_Place, set[int]] = {}
    for part in region.parts:
        units.setdefault(_place(part), set()).update(part.units)
    distinct = dict.fromkeys(places for places, _ in lanes)
    return [
        sum(len(units.get(place, ())) for place in column) for column in zip(*distinct, strict=True)
    ]
