"""Replace some units of an activation, for ablations and interventions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from chisel.routing.errors import RoutingError


def replaced(values: Tensor, units: Sequence[int], axis: int, others: Tensor) -> Tensor:
    """Return an activation with other values at some units; all other units stay bit for bit.

    Args:
        values: The activation `[B, …]`.
        units: Indices of the units, from 0.
        axis: Axis of the units.
        others: The new values, which broadcast to the activation.
    """
    kept = torch.ones(values.shape[axis], dtype=torch.bool)
    kept[list(units)] = False
    # The activation comes first, so that the result has its memory layout, which decides the last
    # bits of later convolutions.
    return torch.where(along(kept.to(values.device), axis, values), values, others)


def along(units: Tensor, axis: int, values: Tensor) -> Tensor:
    """Reshape numbers `[U]` of units to `[1, …, U, …, 1]`, so that they broadcast to `values`."""
    shape = [1] * values.dim()
    shape[axis] = -1
    return units.view(shape)


def other_examples(count: int, generator: torch.Generator) -> Tensor:
    """Draw another example for each example of a batch, as a single cycle: none draws itself.

    Args:
        count: Number of examples, B.
        generator: Source of the draw.

    Returns:
        Indices `[B]` of the other examples, on the generator's device.

    Raises:
        RoutingError: If there is no other example.
    """
    if count < 2:
        raise RoutingError("resample needs another example: give batches of at least 2")
    order = torch.randperm(count, generator=generator, device=generator.device)
    source = torch.empty_like(order)
    source[order] = order.roll(1)
    return source
