"""Replacing some units of an activation: what ablations and interventions both do."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from chisel.routing.errors import RoutingError


def replaced(values: Tensor, units: Sequence[int], axis: int, others: Tensor) -> Tensor:
    """Return an activation with other values at some units; the rest passes bit for bit.

    Args:
        values: The activation `[B, …]`.
        units: Indices from 0.
        axis: Axis of the units.
        others: What broadcasts to the activation and is put in.
    """
    kept = torch.ones(values.shape[axis], dtype=torch.bool)
    kept[list(units)] = False
    # The activation comes first: the result has its memory layout, which decides the last bits of
    # the convolutions behind it.
    return torch.where(along(kept.to(values.device), axis, values), values, others)


def along(units: Tensor, axis: int, values: Tensor) -> Tensor:
    """Shape one number per unit as `[1, …, U, …, 1]`, so that it broadcasts to `values`."""
    shape = [1] * values.dim()
    shape[axis] = -1
    return units.view(shape)


def other_examples(count: int, generator: torch.Generator) -> Tensor:
    """Draw another example for each one of a batch: a single cycle, so that none keeps its own.

    Args:
        count: How many examples there are.
        generator: Source of the draw.

    Returns:
        Indices `[B]`, on the generator's device.

    Raises:
        RoutingError: There is no other example.
    """
    if count < 2:
        raise RoutingError("resample needs another example: give batches of at least 2")
    order = torch.randperm(count, generator=generator, device=generator.device)
    source = torch.empty_like(order)
    source[order] = order.roll(1)
    return source
