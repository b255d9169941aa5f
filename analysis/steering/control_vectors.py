"""Control vectors: random vectors of the same length as a steering vector."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from chisel.configs import ConfigError

Over = Literal["all", "channels", "cells"]
"""What is permuted: all numbers, whole channels, or whole cells."""


def random_like(vectors: Tensor, generator: torch.Generator) -> Tensor:
    """Draw Gaussian vectors, each of the length of the vector in its place.

    Args:
        vectors: `[N, C, …]`.
        generator: Source of the draws, on the CPU.

    Returns:
        `[N, C, …]`.
    """
    drawn = torch.randn(vectors.shape, generator=generator, dtype=torch.float64)
    wanted = vectors.double().flatten(1).norm(dim=1).cpu()
    factor = wanted / drawn.flatten(1).norm(dim=1)
    scaled: Tensor = drawn * factor.view(-1, *[1] * (vectors.dim() - 1))
    return scaled.to(vectors)


def shuffled(vectors: Tensor, generator: torch.Generator, over: Over = "all") -> Tensor:
    """Permute the numbers of each vector, each with its own permutation.

    Args:
        vectors: `[N, C, …]`.
        generator: Source of the draws, on the CPU.
        over: What is permuted: all numbers, whole channels, or whole cells.

    Returns:
        `[N, C, …]`.

    Raises:
        ConfigError: If there are no cells to permute, or the axis of the channels is unknown, as in
            vectors `[N, T, C]` or `[N, C, T]`.
    """
    if over != "all" and vectors.dim() == 3:
        raise ConfigError(
            f"vectors of shape {list(vectors.shape[1:])} don't say which axis has the channels: "
            "shuffle them over all"
        )
    if over == "cells" and vectors.dim() < 3:
        raise ConfigError(f"vectors of shape {list(vectors.shape[1:])} have no cells to shuffle")
    return torch.stack([_permuted(one, generator, over) for one in vectors])


def _permuted(vector: Tensor, generator: torch.Generator, over: Over) -> Tensor:
    if over == "channels":
        return vector[torch.randperm(len(vector), generator=generator).to(vector.device)]
    flat = vector.flatten(1) if over == "cells" else vector.flatten()
    order = torch.randperm(flat.shape[-1], generator=generator).to(vector.device)
    return flat[..., order].view_as(vector)
