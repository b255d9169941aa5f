"""Ridge regression in its dual form: one eigendecomposition serves every target and every penalty.

A layer may have more numbers than there are states; all that a linear probe with a squared penalty
needs of them are the inner products between states.
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
"""Penalties that are tried, in mean eigenvalues of the inner products: 1e-5 … 1e3."""

_COLUMNS = 8192
"""Features that are turned into float64 at a time."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """Inner products of `N` states, the first `F` of which are fitted, decomposed.

    Features are centred by the mean of the fitted states.
    """

    eigenvalues: Floats
    """`[F]`, ascending, at least 0."""
    vectors: Floats
    """Eigenvectors in columns `[F, F]`."""
    others: Floats
    """Inner products of the other states with the fitted ones, in that basis `[N - F, F]`."""

    def predict(
        self, targets: Floats, strengths: Sequence[float], at: slice = slice(None)
    ) -> list[Floats]:
        """Ridge regression fitted to the first states, at the others.

        It minimises the summed squared error plus a strength times the mean eigenvalue times the
        squared norm of the weights; the intercept is free.

        Args:
            targets: Of the fitted states `[F, K]`.
            strengths: Above 0.
            at: Which of the others.

        Returns:
            For each strength `[N - F, K]`, or fewer rows.
        """
        # Where nothing varies there is nothing to scale by, and the mean is all there is.
        scale = float(self.eigenvalues.mean()) or 1.0
        mean = targets.mean(axis=0)
        turned = self.vectors.T @ (targets - mean)
        return [
            mean + self.others[at] @ (turned / (self.eigenvalues + strength * scale)[:, None])
            for strength in strengths
        ]


def kernel(features: Tensor, fitted: int) -> Kernel:
    """Make the inner products.

    Args:
        features: `[N, …]`, any number of features in any shape.
        fitted: `F`: how many states from the first are fitted.

    Raises:
        ValueError: If there are fewer states than two to fit and one to predict.
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
