"""Find the elements of parameters that act through a region's units alone, in the recorded graph.

An example that is routed away from a region sends exactly no gradient to them. The recorded
operations are followed from the last to the first, and for every number it is noted whether each
way from it to the model's outputs passes a mask of the region.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from chisel.routing.regions.activations import select
from chisel.routing.regions.backward_rules import closed_inputs
from chisel.routing.regions.masked_sites import LayerSite, layer_sites
from chisel.routing.regions.recording import Op, Recording
from chisel.routing.regions.region import Part, Region
from chisel.routing.sites.layers import column_mask, row_mask


class Exclusive(NamedTuple):
    """Elements of parameters, by name, as masks (bool, in the parameter's shape)."""

    regions: dict[str, dict[str, Tensor]]
    """By region, those that act through its units alone; only parameters that have such."""
    idle: dict[str, Tensor]
    """Those that act through nothing, such as the weights of a layer whose output is not used."""


def exclusive(model: nn.Module, recording: Recording, regions: Mapping[str, Region]) -> Exclusive:
    """Find the elements of parameters that act through the units of single regions alone.

    Args:
        model: The network that was recorded.
        recording: Of all activation sites of the regions.
        regions: Regions resolved on that network.
    """
    nothing = _closed(model, recording, None)
    idle = {name: nothing.of(value) for name, value in recording.parameters.items()}
    for name, parameter in model.named_parameters():
        idle.setdefault(name, torch.ones(parameter.shape, dtype=torch.bool))
    found = {}
    for region in regions.values():
        sweep = _closed(model, recording, region)
        masks = {n: sweep.of(value) & ~idle[n] for n, value in recording.parameters.items()}
        found[region.name] = {name: mask for name, mask in masks.items() if mask.any()}
    return Exclusive(found, idle)


def closed_before(recording: Recording, parts: Sequence[Part]) -> dict[int, Tensor]:
    """Find the numbers that become these parts' units without meeting another number on the way.

    Returns:
        By value a mask in its shape. The search ends at layers.
    """
    sweep = _Sweep(recording, parts, [])
    for op in reversed(recording.ops):
        sweep.take(op, through_layers=False)
    return sweep.closed


def _closed(model: nn.Module, recording: Recording, region: Region | None) -> _Sweep:
    """Go backwards through the graph with the masks of one region, or without any mask."""
    parts: Iterable[Part] = () if region is None else region.parts
    sites = [] if region is None else layer_sites(model, {region.name: region})
    sweep = _Sweep(recording, [part for part in parts if part.at != "parameters"], sites)
    for op in reversed(recording.ops):
        sweep.take(op)
    return sweep


class _Sweep:
    """Notes which numbers are closed, operation by operation, from the last to the first."""

    def __init__(
        self, recording: Recording, parts: Sequence[Part], layers: Sequence[LayerSite]
    ) -> None:
        self._recording, self._parts = recording, set(parts)
        self._layers = {site.module: site for site in layers}
        self.closed: dict[int, Tensor] = {
            value: torch.zeros(recording.shapes[value], dtype=torch.bool)
            for value in recording.outputs
        }

    def of(self, value: int) -> Tensor:
        """Return which numbers of a value are closed; all of them if nothing reads the value."""
        found = self.closed.get(value)
        shape = self._recording.shapes[value]
        return torch.ones(shape, dtype=torch.bool) if found is None else found

    def take(self, op: Op, *, through_layers: bool = True) -> None:
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
            inputs = closed_inputs(op, outputs, shapes, through_layers=through_layers)
            self._at_layer(op, inputs)
        for value, mask in zip(op.tensors, inputs, strict=True):
            self.closed[value] = self.of(value) & mask

    def _at_layer(self, op: Op, inputs: list[Tensor]) -> None:
        """Close rows and columns of a layer's own weights whose gradient is masked there."""
        site = self._layers.get(op.module)
        if site is None or op.name not in ("linear", "conv2d"):
            return
        for index, value in enumerate(op.tensors[1:3], start=1):
            shape = self._recording.shapes[value]
            if site.rows is not None:  # of the one region, whose number is 0
                inputs[index] = inputs[index] | row_mask(torch.tensor(site.rows) == 0, shape)
            if index == 1 and site.columns is not None:
                inputs[1] = inputs[1] | column_mask(torch.tensor(site.columns) == 0, shape)
