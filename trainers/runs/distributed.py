"""Collective operations over the processes of a run; with one process they cost nothing."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this process among those that train together, from 0."""
    return dist.get_rank() if world_size() > 1 else 0


def sum_over_ranks(tensor: Tensor) -> Tensor:
    """Sum elementwise over all processes; the argument is not changed."""
    if world_size() == 1:
        return tensor
    total = tensor.clone()
    dist.all_reduce(total)
    return total


def mean_over_ranks(values: Tensor, counted: Tensor) -> Tensor:
    """Average losses over the counted examples of all processes, so that DDP's gradient is right.

    DDP averages the gradients of all processes. So each process returns the sum of its own values
    times the number of processes, divided by the count over all processes. The result is 0 if no
    example is counted.

    Args:
        values: Losses of this process's examples, `[B]`.
        counted: Whether each example enters the mean, bool `[B]`.
    """
    total = sum_over_ranks(counted.sum())
    return torch.where(counted, values, 0.0).sum() * world_size() / total.clamp(min=1)


def gather(value: Any) -> list[Any]:
    """Return the values of all processes, in rank order, on every process."""
    if world_size() == 1:
        return [value]
    gathered: list[Any] = [None] * world_size()
    dist.all_gather_object(gathered, value)
    return gathered


def standardize(values: Tensor, eps: float = 1e-8) -> Tensor:
    """Subtract the mean and divide by the (unbiased) standard deviation, over all processes."""
    count = sum_over_ranks(torch.tensor(float(values.numel()), device=values.device))
    mean = sum_over_ranks(values.sum()) / count
    centred = values - mean
    variance = sum_over_ranks(centred.square().sum()) / (count - 1)
    return centred / (variance.sqrt() + eps)
