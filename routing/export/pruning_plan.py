"""Plan which rows and columns of which weights remain when units are pruned.

Activations that elementwise operations connect share one set of units, for instance those of a
residual stream. A unit can be pruned if it is zero wherever it is read, and if the layers that
compute and read it are known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from chisel.routing.errors import RoutingError
from chisel.routing.regions.operations import CHANGES_ZERO, KEEPS_ZERO, WEIGHT_AXES
from chisel.routing.regions.recording import SITE, Op, Recording
from chisel.routing.regions.region import Part

Kept = dict[str, dict[int, Tensor]]
"""Indices that remain, by name of a parameter or buffer and axis: 0 for rows, 1 for columns."""


def plan(model: nn.Module, recording: Recording, what: str) -> Kept:
    """Return the rows and columns that remain once the units of all recorded sites are pruned.

    Args:
        model: The network that was recorded.
        recording: Recording of the sites whose units are ablated to zero.
        what: Names of the regions that have these units, for messages.

    Raises:
        RoutingError: If a unit is still read somewhere, or the layer that computes or reads it is
            not known.
    """
    flow = _Flow(model, recording)
    for op in recording.ops:
        flow.pass_through(op)
    for value in recording.outputs:
        flow.block(value, "it is the model's output")
    return flow.kept(what)


@dataclass
class _Space:
    """One set of units, shared by all values that elementwise operations connect."""

    pruned: Tensor
    """Bools `[size]`, true for units of an ablated site."""
    rows: set[str] = field(default_factory=set)
    """Names of tensors whose first axis has these units."""
    readers: list[tuple[Op, _Units]] = field(default_factory=list)
    """Operations whose weight's second axis has these units, with the units that they read."""
    blocked: list[str] = field(default_factory=list)
    """Reasons why no unit of this space can be pruned."""
    merged_into: _Space | None = None

    def root(self) -> _Space:
        return self if self.merged_into is None else self.merged_into.root()

    def merge(self, other: _Space) -> None:
        mine, others = self.root(), other.root()
        if mine is not others:
            mine.pruned = mine.pruned | others.pruned
            mine.rows |= others.rows
            mine.readers += others.readers
            mine.blocked += others.blocked
            others.merged_into = mine


class _Units(NamedTuple):
    """The units of a value: their space, their axis, and which of them are zero."""

    space: _Space
    axis: int
    run: int
    """Number of neighbouring indices that belong to one unit (above 1 after a Flatten)."""
    dead: Tensor
    """Bools `[size]`, true for units that are certainly zero."""


class _Flow:
    """Follows units from the layers that compute them to the layers that read them."""

    def __init__(self, model: nn.Module, recording: Recording) -> None:
        self._tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        self._shapes = recording.shapes
        self._units: dict[int, _Units] = {}
        self._made_by: dict[str, _Space] = {}
        self._read_by: dict[str, _Space] = {}

    def pass_through(self, op: Op) -> None:
        """Follow units through the next operation."""
        units = [self._units.get(value) for value in op.inputs]
        made: _Units | None = None
        if op.part is not None:
            made = self._at_site(op, op.part, units[0])
        elif op.name in WEIGHT_AXES and len(op.inputs) == 1 and op.weights:
            made = self._layer(op, units[0])
        elif op.name == "batch_norm" and units[0] is not None and units[0].run == 1:
            made = self._norm(op, units[0])
        elif op.name in ("flatten", "reshape", "view") and len(op.inputs) == 1:
            made = self._flattened(op, units[0])
        elif len(op.inputs) == 1 and not op.weights and units[0] is not None:
            made = self._elementwise(op, units[0])
        elif op.name in ("add", "sub", "mul") and len(op.inputs) == 2:
            made = self._combined(op, units[0], units[1])
        if made is not None:
            self._units[op.outputs[0]] = made
        elif op.name != SITE and not (op.name in WEIGHT_AXES and units == [None]):
            for value in op.inputs:
                self.block(value, f"{op.name} in {op.module or 'the model'} reads them")

    def block(self, value: int, reason: str) -> None:
        """Forbid pruning units of this value, for a reason that a message can give."""
        units = self._units.get(value)
        if units is not None:
            units.space.root().blocked.append(reason)

    def _at_site(self, op: Op, part: Part, units: _Units | None) -> _Units:
        cannot = f"cannot prune units of {part.where}"
        if units is None:
            raise RoutingError(f"{cannot}: no layer was found that computes them")
        if part.axis % len(self._shapes[op.inputs[0]]) != units.axis:
            raise RoutingError(f"{cannot}: they are on another axis")
        runs = part.mask.view(-1, units.run)
        if not torch.equal(runs.any(1), runs.all(1)):
            raise RoutingError(f"{cannot}: they are parts of channels")
        units.space.root().pruned |= runs.all(1)
        return units._replace(dead=units.dead | runs.all(1))

    def _layer(self, op: Op, units: _Units | None) -> _Units | None:
        weight = self._tensors[op.weights[0]]
        rank = len(self._shapes[op.outputs[0]])
        axis = WEIGHT_AXES[op.name] % rank
        grouped = op.name == "conv2d" and self._shapes[op.inputs[0]][axis] != weight.shape[1]
        if grouped or (units is not None and units.axis != axis):
            return None
        if units is not None:
            root = units.space.root()
            root.readers.append((op, units))
            self._read_by.setdefault(op.weights[0], root).merge(root)
        new = _Space(torch.zeros(weight.shape[0], dtype=torch.bool))
        space = self._made_by.setdefault(op.weights[0], new)
        space.root().rows |= set(op.weights)
        return _Units(space, axis, 1, torch.zeros_like(space.pruned))

    def _norm(self, op: Op, units: _Units) -> _Units:
        units.space.root().rows |= set(op.weights)
        return units._replace(dead=torch.zeros_like(units.dead))

    def _flattened(self, op: Op, units: _Units | None) -> _Units | None:
        before, after = self._shapes[op.inputs[0]], self._shapes[op.outputs[0]]
        if units is None or units.axis != 1 or len(after) != 2 or before[0] != after[0]:
            return None
        return _Units(units.space, 1, units.run * prod(before[2:]), units.dead)

    def _elementwise(self, op: Op, units: _Units) -> _Units | None:
        by_number = all(isinstance(one, int | float) for one in op.options)
        if op.name in KEEPS_ZERO or (op.name in ("mul", "div") and by_number):
            return units
        if op.name in CHANGES_ZERO or (op.name in ("add", "sub") and by_number):
            return units._replace(dead=torch.zeros_like(units.dead))
        return None

    def _combined(self, op: Op, one: _Units | None, other: _Units | None) -> _Units | None:
        shapes = {self._shapes[value] for value in op.inputs}
        if one is None or other is None or len(shapes) > 1:
            return None
        if (one.axis, one.run) != (other.axis, other.run):
            return None
        one.space.merge(other.space)
        return one._replace(
            dead=one.dead | other.dead if op.name == "mul" else one.dead & other.dead
        )

    def kept(self, what: str) -> Kept:
        """Return the rows and columns that remain of each tensor."""
        found: Kept = defaultdict(dict)
        for space in self._made_by.values():
            if space.merged_into is not None or not space.pruned.any():
                continue
            for reason in _obstacles(space):
                raise RoutingError(f"units of {what} cannot be pruned: {reason}")
            keep = (~space.pruned).nonzero()[:, 0]
            for name in space.rows:
                found[name][0] = keep
            for op, units in space.readers:
                places = torch.arange(len(space.pruned) * units.run).view(-1, units.run)
                found[op.weights[0]][1] = places[keep].flatten()
        return found


def _obstacles(space: _Space) -> Iterator[str]:
    """Yield reasons why units of a space cannot be pruned."""
    if space.pruned.all():
        yield f"nothing would be left of {min(space.rows).rpartition('.')[0]}"
    yield from space.blocked
    for op, units in space.readers:
        alive = (space.pruned & ~units.dead).nonzero()[:, 0].tolist()
        if alive:
            yield (
                f"{op.module} reads unit {alive[0]} where it is not ablated; add that place "
                "to the region"
            )
