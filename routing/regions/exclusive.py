"""Find the elements of parameters that act through a region's units alone, in the recorded graph.

An example that is routed away from a region sends exactly no gradient to them. The recorded
operations are followed from the last to the first, and for every number it is noted whether each
way from it to the model's outputs passes a mask of the region.
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
"""Functions whose weights have rows or columns for units. Others may share one number."""


class Exclusive(NamedTuple):
    """Elements of parameters, by name, as masks (bool, in the parameter's shape)."""

    regions: dict[str, dict[str, Tensor]]
    """By region, those that act through its units alone; only parameters that have such."""
    idle: dict[str, Tensor]
    """Those that act through nothing, such as the weights of a layer whose output is not used."""
    makers: dict[str, dict[frozenset[str], str]]
    """By region, the parameters of which one operation makes units of it, with its name."""

    def loose(self, region: str) -> tuple[str, str] | None:
        """Return a parameter that makes units of a region though no element acts through them
        alone, and the operation; None if there is none.
        """
        for names, operation in self.makers[region].items():
            if names.isdisjoint(self.regions[region]):
                return max(names), operation  # rather a weight than a bias
        return None

    def and_in(self, other: Exclusive) -> Exclusive:
        """Return what holds in both of two recordings, where something may be idle in one."""
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
    """Find the elements of parameters that act through the units of single regions alone.

    Args:
        model: The network that was recorded.
        recording: Of all activation sites of the regions.
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
    """Find the numbers that become these parts' units without meeting another number on the way.

    Returns:
        By value a mask in its shape. The search ends at layers.
    """
    return _Sweep(None, recording, parts).closed


class _Sweep:
    """Notes which numbers are closed, operation by operation, from the last to the first.

    Args:
        model: The network that was recorded; without it the sweep ends at layers.
        recording: What is gone through.
        parts: Where there are masks.
        idle: The sweep without masks, if `makers` are looked for.
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
        """Return which numbers of a value are closed; all of them if nothing reads the value."""
        found = self.closed.get(value)
        shape = self._recording.shapes[value]
        return torch.ones(shape, dtype=torch.bool) if found is None else found

    def _take(self, op: Op) -> None:
        """Note which numbers that an operation reads are closed behind it."""
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
        """Note of which parameters an operation on data makes numbers that become closed here.

        A parameter itself is used by other layers, too: it counts if no layer is behind this one.
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
    """Close rows and columns of a layer's own weights whose gradient is masked for a part."""
    if part.at == "parameters" and part.module == op.module:
        for index, before in enumerate(inputs[1:3], start=1):
            inputs[index] = before | row_mask(part.mask, before.shape)
    if op.module in part.consumers:
        columns = column_mask(part.columns(model, op.module), inputs[1].shape)
        inputs[1] = inputs[1] | columns
