"""Which elements of parameters act through a region's units alone, told from the graph that ran.

An example that is routed away from a region sends exactly no gradient to them. The recorded
operations are followed from the last to the first, and for every number it is noted whether each
way from it to the model's outputs passes a mask of the region.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from chisel.routing.regions.recording import Op, Recording
from chisel.routing.regions.backward_rules import closed_inputs
from chisel.routing.regions.activations import select
from chisel.routing.regions.region import Part, Region
from chisel.routing.regions.sites import LayerSite, layer_sites


class Exclusive(NamedTuple):
    """Elements of parameters, by name, as masks (bool, in the parameter's shape)."""

    regions: dict[str, dict[str, Tensor]]
    """By region, those that act through its units alone; only parameters that have such."""
    idle: dict[str, Tensor]
    """Those that act through nothing, such as a layer's whose output is not used."""


def exclusive(model: nn.Module, recording: Recording, regions: Mapping[str, Region]) -> Exclusive:
    """Find the elements of parameters that act through the units of single regions alone.

    Args:
        model: The network that was recorded.
        recording: Of all activation sites of the regions.
        regions: Found on that network.
    """
    named = dict(model.named_parameters())
    nothing = _closed(model, recording, None)
    idle = {name: nothing.of(value) for name, value in recording.parameters.items()}
    idle |= {n: torch.ones(p.shape, dtype=torch.bool) for n, p in named.items() if n not in idle}
    found = {}
    for region in regions.values():
        sweep = _closed(model, recording, region)
        masks = {n: sweep.of(value) & ~idle[n] for n, value in recording.parameters.items()}
        found[region.name] = {name: mask for name, mask in masks.items() if mask.any()}
    return Exclusive(found, idle)


def claimed(recording: Recording, parts: Sequence[Part]) -> dict[int, Tensor]:
    """Find the numbers that become these units without meeting another on the way.

    Returns:
        By value a mask in its shape; layers end the search.
    """
    sweep = _Sweep(recording, parts, [])
    for op in reversed(recording.ops):
        sweep.take(op, through_layers=False)
    return sweep.closed


def _closed(model: nn.Module, recording: Recording, region: Region | None) -> _Sweep:
    """The sweep with the masks of one region, or with none at all."""
    parts: Iterable[Part] = () if region is None else region.parts
    sites = [] if region is None else layer_sites(model, {region.name: region})
    sweep = _Sweep(recording, [part for part in parts if part.at != "parameters"], sites)
    for op in reversed(recording.ops):
        sweep.take(op)
    return sweep


class _Sweep:
    """Goes backwards through what was recorded."""

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
        """Which numbers of a value reach no output but through masks; all, if nobody reads it."""
        found = self.closed.get(value)
        shape = self._recording.shapes[value]
        return torch.ones(shape, dtype=torch.bool) if found is None else found

    def take(self, op: Op, *, through_layers: bool = True) -> None:
        """Let an operation say which numbers that it reads are closed off behind it."""
        if op.part is not None:
            inputs = [self._at_site(op.part, self.of(op.outputs[0]))]
        elif not self._recording.floating.intersection(op.outputs) or op.name == "detach":
            return  # gradient does not pass
        else:
            shapes = [self._recording.shapes[value] for value in op.tensors]
            outputs = [self.of(value) for value in op.outputs]
            inputs = closed_inputs(op, outputs, shapes, through_layers=through_layers)
            self._at_layer(op, inputs)
        for value, mask in zip(op.tensors, inputs, strict=True):
            self.closed[value] = self.of(value) & mask

    def _at_site(self, part: Part, behind: Tensor) -> Tensor:
        if part not in self._parts:
            return behind
        return behind | select(part, behind).expand_as(behind)

    def _at_layer(self, op: Op, inputs: list[Tensor]) -> None:
        """Rows and columns of a layer's own weights whose gradient is masked there."""
        site = self._layers.get(op.module)
        if site is None or op.name not in ("linear", "conv2d"):
            return
        rows = _chosen(site.rows)
        for index, value in enumerate(op.tensors[1:3], start=1):
            shape = self._recording.shapes[value]
            if rows is not None:
                inputs[index] = inputs[index] | rows.view(-1, *[1] * (len(shape) - 1))
            if index == 1 and site.columns is not None:
                columns = _columns(shape, rows_of=inputs[1], owners=site.columns)
                inputs[1] = inputs[1] | columns


def _chosen(owners: tuple[int, ...] | None) -> Tensor | None:
    """The units of the one region that there is; its number is 0."""
    return None if owners is None else torch.tensor(owners) == 0


def _columns(shape: torch.Size, *, rows_of: Tensor, owners: tuple[int, ...]) -> Tensor:
    """Elements of a weight `[out, in / groups, …]` that read these units."""
    read = torch.tensor(owners) == 0
    groups = len(owners) // shape[1]
    by_row = read.view(groups, 1, shape[1]).expand(groups, shape[0] // groups, shape[1])
    ends = [1] * (len(shape) - 2)
    assert prod(by_row.shape) == shape[0] * shape[1]  # groups divide rows, or torch had refused
    return by_row.reshape(shape[0], shape[1], *ends).expand_as(rows_of)
