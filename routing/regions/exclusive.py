"""Find the elements of parameters that act only through a region's units, in the recorded graph.

An example that is routed away from a region sends exactly no gradient to these elements. The search
goes through the recorded operations from last to first. It notes for every number whether it is
closed: whether each way from it to the model's outputs passes a mask of the region.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from chisel.routing.regions.activations import select
from chisel.routing.regions.backward_rules import closed_inputs
from chisel.routing.regions.operations import LAYERS
from chisel.routing.regions.recording import Op, Recording
from chisel.routing.regions.region import Part, Region
from chisel.routing.sites.layers import column_mask, row_mask

_ROWS = LAYERS | {"matmul", "bmm", "mm", "einsum"}
"""Functions whose weights have rows or columns for units. Weights of others may be shared by all
units."""


class Exclusive(NamedTuple):
    """Elements of parameters as masks by parameter name (bools in the parameter's shape)."""

    regions: dict[str, dict[str, Tensor]]
    """Elements that act only through a region's units, by region; parameters with none are left
    out."""
    idle: dict[str, Tensor]
    """Elements that act on no output, such as the weights of a layer whose output is not used."""
    makers: dict[str, dict[frozenset[str], str]]
    """Names of the parameters from which one operation computes units, with the operation's name,
    by region."""

    def loose(self, region: str) -> tuple[str, str] | None:
        """Find an operation that computes units of a region from parameters that act elsewhere too.

        Returns:
            One of these parameters, and the operation's name; None if there is no such operation.
        """
        for names, operation in self.makers[region].items():
            if names.isdisjoint(self.regions[region]):
                return max(names), operation  # prefers weights to biases
        return None

    def and_in(self, other: Exclusive) -> Exclusive:
        """Return what holds in both of two recordings; what is idle in one may act in the other."""
        idle = {name: mask & other.idle[name] for name, mask in self.idle.items()}
        regions = {}
        for region in self.regions:
            both = {n: self._closed(region, n) & other._closed(region, n) & ~idle[n] for n in idle}
            regions[region] = {name: mask for name, mask in both.items() if mask.any()}
        makers = {region: self.makers[region] | other.makers[region] for region in regions}
        return Exclusive(regions, idle, makers)

    def _closed(self, region: str, name: str) -> Tensor:
        idle = self.idle[name]
        return self.regions[region].get(name, idle) | idle


def exclusive(model: nn.Module, recording: Recording, regions: Mapping[str, Region]) -> Exclusive:
    """Find the elements of parameters that act only through the units of one region.

    Args:
        model: The network that was recorded.
        recording: Recording with all activation sites of the regions.
        regions: Regions resolved on that network.
    """
    nothing = _Sweep(model, recording, ())
    idle = {name: nothing.of(value) for name, value in recording.parameters.items()}
    for name, parameter in model.named_parameters():
        idle.setdefault(name, torch.ones(parameter.shape, dtype=torch.bool))
    found, makers = {}, {}
    for region in regions.values():
        sweep = _Sweep(model, recording, region.parts, nothing)
        masks = {n: sweep.of(value) & ~idle[n] for n, value in recording.parameters.items()}
        found[region.name] = {name: mask for name, mask in masks.items() if mask.any()}
        makers[region.name] = sweep.makers
    return Exclusive(found, idle, makers)


def closed_before(recording: Recording, parts: Sequence[Part]) -> dict[int, Tensor]:
    """Find the numbers that become units of these parts without being combined with others.

    Returns:
        Bools in the value's shape, by number of the value. The search ends at layers.
    """
    return _Sweep(None, recording, parts).closed


class _Sweep:
    """Finds the closed numbers of a recording, going through operations from last to first.

    Args:
        model: The network that was recorded; None ends the search at layers.
        recording: The recording.
        parts: Parts with masks.
        idle: The sweep without masks; None leaves `makers` empty.
    """

    def __init__(
        self,
        model: nn.Module | None,
        recording: Recording,
        parts: Sequence[Part],
        idle: _Sweep | None = None,
    ) -> None:
        self._model, self._recording, self._parts = model, recording, parts
        self._idle = idle
        self._from_parameters = {} if idle is None else recording.from_parameters()
        self._near = {} if idle is None else closed_before(recording, parts)
        self.makers: dict[frozenset[str], str] = {}
        self.closed: dict[int, Tensor] = {
            value: torch.zeros(recording.shapes[value], dtype=torch.bool)
            for value in recording.outputs
        }
        for op in reversed(recording.ops):
            self._take(op)

    def of(self, value: int) -> Tensor:
        """Return which numbers of a value are closed; all of them if no operation reads it."""
        found = self.closed.get(value)
        shape = self._recording.shapes[value]
        return torch.ones(shape, dtype=torch.bool) if found is None else found

    def _take(self, op: Op) -> None:
        """Note which numbers that an operation reads are closed after it."""
        if op.part is not None:
            behind = self.of(op.outputs[0])
            mine = op.part in self._parts
            inputs = [behind | select(op.part, behind).expand_as(behind) if mine else behind]
        elif not self._recording.floating.intersection(op.outputs) or op.name == "detach":
            return  # gradient does not pass
        else:
            shapes = [self._recording.shapes[value] for value in op.tensors]
            outputs = [self.of(value) for value in op.outputs]
            inputs, ruled = closed_inputs(
                op, outputs, shapes, through_layers=self._model is not None
            )
            if self._model is not None and op.name in ("linear", "conv2d"):
                for part in self._parts:
                    _close_weights(self._model, part, op, inputs)
            self._note_makers(op, inputs, ruled)
        for value, mask in zip(op.tensors, inputs, strict=True):
            self.closed[value] = self.of(value) & mask

    def _note_makers(self, op: Op, inputs: Sequence[Tensor], ruled: bool) -> None:
        """Note the parameters from which an operation on data computes numbers that are closed.

        A parameter may be used by other layers too. It counts if no other layer follows this one
        before the region's units.
        """
        made = self._from_parameters
        if self._idle is None or all(value in made for value in op.inputs):
            return
        masks = dict(zip(op.tensors, inputs, strict=True))
        read = {value: mask for value, mask in masks.items() if value in made}
        ends = {output: self.of(output) for output in op.outputs}
        if ruled:
            own = set(read).intersection(self._recording.parameters.values())
            ends = {value: mask for value, mask in read.items() if value not in own}
            if own and op.name in _ROWS:
                ends |= {o: self._near[o] for o in op.outputs if o in self._near}
        names = frozenset[str]().union(*(made[value] for value in read))
        if names and any((mask & ~self._idle.of(end)).any() for end, mask in ends.items()):
            self.makers[names] = op.name


def _close_weights(model: nn.Module, part: Part, op: Op, inputs: list[Tensor]) -> None:
    """Close the rows and columns of a layer's weights whose gradient is masked for a part."""
    if part.at == "parameters" and part.module == op.module:
        for index, before in enumerate(inputs[1:3], start=1):
            inputs[index] = before | row_mask(part.mask, before.shape)
    if op.module in part.consumers:
        columns = column_mask(part.columns(model, op.module), inputs[1].shape)
        inputs[1] = inputs[1] | columns
