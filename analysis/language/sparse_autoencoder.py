"""Fit a small sparse autoencoder to a language model's stream, and clamp one of its features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from chisel.analysis.interventions import Edit
from chisel.models.language import token_positions

_BATCH = 512


class SparseAutoencoder(nn.Module):
    """A top-k autoencoder: activations as a sum of few directions out of many (Gao et al. 2024).

    Args:
        mean: Mean of the activations `[units]`, which is subtracted first.
        features: Number of directions.
        active: Number of features that are not 0 at a token, k.
        generator: Source of the initial directions.
    """

    def __init__(
        self, mean: Tensor, features: int, active: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.active = active
        self.mean = nn.Parameter(mean.clone())
        drawn = torch.randn(features, len(mean), generator=generator)
        self.directions = nn.Parameter(nn.functional.normalize(drawn, dim=1))
        self.readers = nn.Parameter(self.directions.detach().clone())
        self.bias = nn.Parameter(torch.zeros(features))

    def features(self, values: Tensor) -> Tensor:
        """Return the features `[…, features]` of activations `[…, units]`, at least 0."""
        found = torch.relu((values - self.mean) @ self.readers.T + self.bias)
        least = found.topk(self.active, dim=-1).values[..., -1:]
        return found * (found >= least)

    def forward(self, values: Tensor) -> Tensor:
        """Return the reconstruction of activations `[…, units]` from their features."""
        given: Tensor = self.features(values) @ self.directions + self.mean
        return given


def sparse_autoencoder(
    values: Tensor, *, seed: int, features: int = 512, active: int = 8, steps: int = 400
) -> SparseAutoencoder:
    """Fit a sparse autoencoder to activations by Adam on the squared error.

    Directions have the length 1 after every step. A feature is in the activations' own units.

    Args:
        values: Activations `[N, units]`.
        seed: Seed of the initial directions and of the minibatches.
        features: Number of directions.
        active: Number of features that are not 0 at a token.
        steps: Number of optimiser steps, of 512 activations each.
    """
    generator = torch.Generator().manual_seed(seed)
    made = SparseAutoencoder(values.mean(0), features, active, generator)
    scale = float((values - values.mean(0)).norm(dim=1).mean())
    optimizer = torch.optim.Adam(made.parameters(), lr=2e-3)
    for _ in range(steps):
        some = values[torch.randint(len(values), (_BATCH,), generator=generator)]
        loss = ((made(some) - some) / scale).square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            made.directions.copy_(nn.functional.normalize(made.directions, dim=1))
    return made.requires_grad_(False).eval()


def separating_feature(made: SparseAutoencoder, plus: Tensor, minus: Tensor) -> int:
    """Return the feature whose mean is larger in the first set by the most standard deviations.

    Args:
        made: The autoencoder.
        plus: Activations of the first set `[N, units]`.
        minus: Activations of the other set `[M, units]`.
    """
    return most_separating(made.features(plus), made.features(minus))


def most_separating(more: Tensor, less: Tensor) -> int:
    """Return the column whose mean in `[N, F]` exceeds that in `[M, F]` by most of its spread."""
    spread = (_variance(more) + _variance(less)).sqrt() + 1e-6
    return int(((more.mean(0) - less.mean(0)) / spread).argmax())


def _variance(values: Tensor) -> Tensor:
    """Return the variance of each column, which is 0 for a lone row."""
    return values.var(0, correction=min(1, len(values) - 1))


def clamp_feature(
    made: SparseAutoencoder, feature: int, value: float, *, first: bool = False
) -> Edit:
    """Return the edit that sets a feature to a value, at every token, with `first` position 0 too.

    The rest of the activation does not change, nor does the part that the autoencoder does not
    reconstruct.
    """

    def edit(values: Tensor) -> Tensor:
        missing = value - made.features(values)[..., feature]
        missing = missing * (token_positions(values) >= (0 if first else 1))
        clamped: Tensor = values + missing[..., None] * made.directions[feature]
        return clamped

    return edit
