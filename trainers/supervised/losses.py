"""The losses of a split autoencoder, as pure functions (Cloud et al. 2024, appendix B)."""

from __future__ import annotations

import torch
from torch import Tensor

_EPS = 1e-12
"""Keeps the gradient of a unit that is always 0 at 0; far below any variance that matters."""


def reconstruction(made: Tensor, images: Tensor, labels: Tensor, num_labels: int) -> Tensor:
    """Sum over the labels of the mean absolute error on the examples of each.

    So a rare label weighs as much as a frequent one. A label without an example adds 0; those
    without a label are one more group.

    Args:
        made: Reconstructions `[B, H, W]`.
        images: What they should be.
        labels: int64 `[B]`, -1 for unlabelled.
        num_labels: How many there are.
    """
    errors = (made.float() - images).abs().mean(dim=(1, 2))
    members = (labels[:, None] == torch.arange(-1, num_labels, device=labels.device)).float()
    return (errors @ members / members.sum(0).clamp(min=1)).sum()


def l1_norm(encoding: Tensor) -> Tensor:
    """Mean over examples of the L1 norm of the encoding `[B, D]`."""
    return encoding.abs().sum(1).mean()


def correlation(encoding: Tensor) -> Tensor:
    """Mean absolute correlation over the batch between units of the two halves of `[B, D]`."""
    centred = encoding - encoding.mean(0)
    normed = centred / (centred.square().mean(0) + _EPS).sqrt()
    first, second = normed.chunk(2, dim=1)
    return (first.T @ second / len(encoding)).abs().mean()
