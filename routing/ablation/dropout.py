"""Train with a region missing on some examples, so that the rest learns to do without it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from chisel.routing.errors import RoutingError
from chisel.routing.regions.activations import edit_part, select
from chisel.routing.regions.region import Part, Region
from chisel.routing.sites import Thread, along


class RegionDropout:
    """Zeroes regions on chosen examples of a batch, in the forward pass and so in the backward one.

    Unlike a route this changes the network's outputs (Cloud et al. 2025, "SGTM", section 3). An
    algorithm that compares outputs in an update with those in the rollout (PPO) must drop the same
    regions in both. Regions are dropped for the thread that calls `use`; until `clear` the model is
    refused to others, unless it is compiled.

    Args:
        model: The network; attach before it is compiled.
        regions: The regions that may be dropped, by name.
    """

    def __init__(self, model: nn.Module, regions: Mapping[str, Region]) -> None:
        self._kept: dict[str, Tensor] = {}
        self._here = Thread("another thread drops regions of this model")
        self._handles = [
            edit_part(
                model, part, partial(self._drop, name, part), applies=partial(self._drops, name)
            )
            for name, region in regions.items()
            for part in region.parts
        ]

    def use(self, dropped: Mapping[str, Tensor]) -> None:
        """Drop regions on the examples where their bools `[B]` are true, until `clear`.

        Every forward pass until then must be on a batch of `B`.

        Raises:
            RoutingError: Another thread drops regions of this model.
        """
        self._here.take_over(in_use=bool(self._kept))
        self._kept = {name: ~flags for name, flags in dropped.items()}

    def clear(self) -> None:
        """Drop nothing until the next `use`."""
        self._kept = {}

    def detach(self) -> None:
        """Remove every trace from the model."""
        for handle in self._handles:
            handle.remove()

    def _drops(self, name: str) -> bool:
        drops = name in self._kept
        if drops and not torch.compiler.is_compiling():
            self._here.require()
        return drops

    def _drop(self, name: str, part: Part, values: Tensor) -> Tensor:
        kept = self._kept[name]
        if len(kept) != len(values):
            raise RoutingError(
                f"{name} is dropped on some of {len(kept)} examples, but {len(values)} pass"
            )
        gone = select(part, values) & ~along(kept.to(values.device), 0, values)
        return values.masked_fill(gone, 0)
