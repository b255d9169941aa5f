"""Ridge regression in its dual form, in which one decomposition serves all targets and penalties.

A layer may have more activations than there are states. A linear probe with a squared penalty needs
only the inner products of the states' activations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]

STRENGTHS = tuple(10.0**power for power in range(-5, 4))
"""Penalties that are tried, from 1e-5 to 1e3, in mean eigenvalues of the inner products."""

_COLUMNS = 8192
"""Number of features that are converted to float64 at a time."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """Eigendecomposition of inner products of `N` states, the first `F` of which are for fitting.

    Features are centred by the mean of the states for fitting.
    """

    eigenvalues: Floats
    """Eigenvalues `[F]`, ascending, at least 0."""
    vectors: Floats
    """Eigenvectors in the columns, `[F, F]`."""
    others: Floats
    """Inner products of the other states with those for fitting, in the basis of the eigenvectors,
    `[N - F, F]`."""

    def predict(
        self, targets: Floats, strengths: Sequence[float], at: slice = slice(None)
    ) -> list[Floats]:
        """Fit ridge regressions to the first states, and predict the others.

        A regression minimises the summed squared error plus its strength times the mean eigenvalue
        times the squared norm of the weights. The intercept has no penalty.

        Args:
            targets: Targets of the states for fitting, `[F, K]`.
            strengths: Penalties, each above 0.
            at: Slice of the other states that are predicted.

        Returns:
            Predictions for each strength, `[N - F, K]`, or only the rows of `at`.
        """
        # If no feature varies, the scale is arbitrary and the prediction is the mean.
        scale = float(self.eigenvalues.mean()) or 1.0
        mean = targets.mean(axis=0)
        turned = self.vectors.T @ (targets - mean)
        return [
            mean + self.others[at] @ (turned / (self.eigenvalues + strength * scale)[:, None])
            for strength in strengths
        ]


def kernel(features: Tensor, fitted: int) -> Kernel:
    """Compute and decompose the inner products of states.

    Args:
        features: Features of each state, in any shape, `[N, …]`.
        fitted: Number `F` of states for fitting, which come first.

    Raises:
        ValueError: If fewer than two states are for fitting, or none is left to predict.
    """
    if not 2 <= fitted < len(features):
        raise ValueError(f"{fitted} of {len(features)} states to fit: at least 2, and one left")
    flat = features.detach().reshape(len(features), -1)
    products = torch.zeros(len(flat), fitted, dtype=torch.float64)
    for part in torch.split(flat, _COLUMNS, dim=1):
        exact = part.double().cpu()
        exact = exact - exact[:fitted].mean(0)
        products += exact @ exact[:fitted].T
    inner, others = products[:fitted], products[fitted:]
    eigenvalues, vectors = torch.linalg.eigh((inner + inner.T) / 2)
    return Kernel(np.maximum(eigenvalues.numpy(), 0), vectors.numpy(), (others @ vectors).numpy())
