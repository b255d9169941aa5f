"""Train with a region ablated on some examples, so that the rest learns to work without it."""

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
    """Sets regions to zero on chosen examples of a batch, in the forward and backward pass.

    Unlike routing, this changes the network's outputs (Cloud et al. 2025, "SGTM", section 3). An
    algorithm that compares outputs of an update with those of the rollout (PPO) must drop the same
    regions in both. Regions are dropped for the thread that calls `use`. Until `clear`, other
    threads may not run the model; in a compiled model this is not checked.

    Args:
        model: The network, which is not compiled yet.
        regions: Regions that may be dropped, by name.
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
        """Drop regions on some examples until `clear`.

        Every forward pass until then must have a batch of B examples.

        Args:
            dropped: Bools `[B]` by region, true for the examples without the region.

        Raises:
            RoutingError: If another thread drops regions of this model.
        """
        self._here.take_over(in_use=bool(self._kept))
        self._kept = {name: ~flags for name, flags in dropped.items()}

    def clear(self) -> None:
        """Drop nothing until the next `use`."""
        self._kept = {}

    def detach(self) -> None:
        """Remove all hooks from the model."""
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
