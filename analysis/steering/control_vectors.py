"""Control vectors: random vectors of the same length as a steering vector."""

from __future__ import annotations

import torch
from torch import Tensor


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


def shuffled(vectors: Tensor, generator: torch.Generator) -> Tensor:
    """Permute the numbers of each vector, each with its own permutation.

    Args:
        vectors: `[N, C, …]`.
        generator: Source of the draws, on the CPU.

    Returns:
        `[N, C, …]`.
    """
    flat = vectors.flatten(1)
    orders = [torch.randperm(flat.shape[1], generator=generator) for _ in flat]
    return flat.gather(1, torch.stack(orders).to(flat.device)).view_as(vectors)
