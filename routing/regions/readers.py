"""Find the weights that read the units of a part, even if other units were mixed in before."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from chisel.routing.regions.operations import UNITWISE, WEIGHT_AXES
from chisel.routing.regions.recording import Op, Recording
from chisel.routing.regions.region import Part
from chisel.routing.sites.layers import column_mask, row_mask


class Reader(NamedTuple):
    """An operation with weights that reads units of a part."""

    op: Op
    weight: str
    elements: Tensor
    """Bools in the weight's shape, true for elements that are multiplied with these units."""
    mixed_by: str | None
    """Name of an operation that mixed other units in before; then all elements read the part's."""


class _Units(NamedTuple):
    """The place of a part's units in a value."""

    chosen: Tensor
    """Bools `[size]`, true for the part's units."""
    axis: int
    run: int
    """Number of neighbouring indices that belong to one unit (above 1 after a Flatten)."""


def readers(
    model: nn.Module, recording: Recording, part: Part, others: Collection[Part] = ()
) -> Iterator[Reader]:
    """Find the first operations with weights after a part's site, in order.

    The search ends at them, because their results depend on all units. Units that reach the site of
    one of the `others` belong to that part from there on.

    Args:
        model: The network that was recorded.
        recording: Recording of the part's site.
        part: The part.
        others: Other parts whose units are left out.
    """
    units_in: dict[int, _Units | str] = {}
    for op in recording.ops:
        if op.part == part:
            units_in[op.outputs[0]] = _at_site(part, len(recording.shapes[op.inputs[0]]))
            continue
        arriving = {value: units_in[value] for value in op.inputs if value in units_in}
        if not arriving:
            continue
        units = _behind(op, recording, arriving)
        if op.part in others and op.part is not None and not isinstance(units, str):
            theirs = _at_site(op.part, len(recording.shapes[op.inputs[0]]))
            if (theirs.axis, len(theirs.chosen)) == (units.axis, len(units.chosen)):
                units = units._replace(chosen=units.chosen & ~theirs.chosen)
        if not op.weights:
            units_in |= dict.fromkeys(op.outputs, units)
            continue
        for weight in op.weights if op.name not in WEIGHT_AXES else op.weights[:1]:
            tensor = dict(model.named_parameters()).get(weight)
            if tensor is not None:
                elements = _elements(op, recording, tensor, units)
                yield Reader(op, weight, elements, units if isinstance(units, str) else None)
        if op.name == "batch_norm":
            units_in |= dict.fromkeys(op.outputs, units)


def _at_site(part: Part, rank: int) -> _Units:
    return _Units(part.mask, part.axis % rank, 1)


def _behind(op: Op, recording: Recording, arriving: dict[int, _Units | str]) -> _Units | str:
    """Return the place of units after an operation, or its name if it mixes them with others."""
    for one in arriving.values():
        if isinstance(one, str):
            return one
    apart = {value: one for value, one in arriving.items() if isinstance(one, _Units)}
    first = next(iter(apart.values()))
    if op.name in WEIGHT_AXES or op.name == "batch_norm":
        return first
    before, after = recording.shapes[op.inputs[0]], recording.shapes[op.outputs[0]]
    if op.name in ("flatten", "reshape", "view") and first.axis == 1 and len(after) == 2:
        if after[0] == before[0]:
            return _Units(first.chosen, 1, first.run * prod(before[2:]))
    elif op.name in UNITWISE and len({(one.axis, one.run) for one in apart.values()}) == 1:
        shapes = [recording.shapes[value] for value in (*apart, op.outputs[0])]
        if len({(len(shape), shape[first.axis]) for shape in shapes}) == 1:  # not broadcast
            return first._replace(chosen=torch.stack([one.chosen for one in apart.values()]).any(0))
    return f"{op.name} in {op.module}" if op.module else op.name


def _elements(op: Op, recording: Recording, weight: Tensor, units: _Units | str) -> Tensor:
    """Return a mask of the weight's elements that are multiplied with the units."""
    everything = torch.ones(weight.shape, dtype=torch.bool)
    if isinstance(units, str):
        return everything
    chosen = units.chosen.repeat_interleave(units.run)
    axis = WEIGHT_AXES.get(op.name, 1) % len(recording.shapes[op.inputs[0]])
    if units.axis != axis or chosen.numel() != weight.shape[op.name in WEIGHT_AXES]:
        return everything
    spread = column_mask if op.name in WEIGHT_AXES else row_mask
    return spread(chosen, weight.shape)
