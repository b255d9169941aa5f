"""Check that no unit, and no row or column of a weight, belongs to two regions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

from torch import nn

from chisel.routing.errors import RoutingError
from chisel.routing.regions.activations import select
from chisel.routing.regions.exclusive import closed_before
from chisel.routing.regions.ownership import maker
from chisel.routing.regions.recording import Recording
from chisel.routing.regions.region import Part, Regions
from chisel.routing.sites.layers import has_exact_gradient, innermost, widths


def require_disjoint(
    model: nn.Module, regions: Regions, recording: Recording | None = None
) -> None:
    """Check that no two regions share a unit, row or column; parts of one region may overlap.

    Args:
        model: The network.
        regions: Regions resolved on it.
        recording: Recording of the regions' sites, if there is an example. With it, units are also
            followed from one module to another.

    Raises:
        RoutingError: If two regions share something.
    """
    claims: dict[str, dict[int, str]] = {}
    for region in regions.values():
        for part in region.parts:
            for where, numbers in _claimed(model, part):
                taken = claims.setdefault(where, {})
                for number in numbers:
                    other = taken.setdefault(number, region.name)
                    if other != region.name:
                        raise _overlap(other, region.name, number, where)
    if recording is not None:
        _require_apart(regions, recording)


def _require_apart(regions: Regions, recording: Recording) -> None:
    """Check that no unit at one region's site becomes a unit of another region."""
    idle = closed_before(recording, ())
    values = {op.part: op.inputs[0] for op in recording.ops if op.part is not None}
    parts = {name: [p for p in r.parts if p in values] for name, r in regions.items()}
    closed = {name: closed_before(recording, its) for name, its in parts.items() if its}
    for name, other in itertools.permutations(closed, 2):
        for part in parts[name]:
            value = values[part]
            mask = select(part, closed[other][value]) & closed[other][value]
            if value in idle:
                mask = mask & ~idle[value]
            if mask.any():
                unit = int(mask.movedim(part.axis, 0).flatten(1).any(1).nonzero()[0])
                raise _overlap(other, name, unit, part.where)


def _overlap(one: str, other: str, unit: int, where: str) -> RoutingError:
    return RoutingError(
        f"regions {one} and {other} both have unit {unit} of {where}; a unit belongs to at most "
        "one region"
    )


def _claimed(model: nn.Module, part: Part) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the places that a part has units, rows or columns in, with their numbers."""
    if part.at != "parameters":
        inner = innermost(model, part.module, part.side)
        yield replace(part.site, module=inner).where, part.units
    layer = maker(model, part)
    if layer is not None:
        yield f"the rows of {layer}", part.units
    if part.at == "output" and part.whole and part.element is None:
        module = model.get_submodule(part.module)
        for name, layer_inside in module.named_modules(prefix=part.module):
            if has_exact_gradient(layer_inside):
                yield f"the rows of {name}", tuple(range(cast(Any, widths(layer_inside)).output))
    for consumer in part.consumers:
        columns = part.columns(model, consumer).nonzero()[:, 0].tolist()
        yield f"the columns of {consumer}", tuple(columns)
