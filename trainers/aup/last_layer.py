"""Least squares on the last layer, for the errors that gradient steps leave."""

from __future__ import annotations

import torch
from torch import Tensor, nn

RIDGE = 1e-10
"""Relative to the features' sum of squares; small enough to matter only where features coincide."""


@torch.no_grad()
def correct_last_layer(layer: nn.Linear, features: Tensor, errors: Tensor, tried: Tensor) -> None:
    """Make errors as small as the last layer can, by the smallest change of its weights, in place.

    Where there are no more observations than features, no error is left. Gradient steps alone are
    slow there: actions differ by a thousandth of what they have in common. It is the least-squares
    step of fitted Q-iteration, on features that go on being learnt (Levine et al. 2017, "Shallow
    updates for deep reinforcement learning").

    Args:
        layer: From H features to `A * K` outputs, those of the first action first.
        features: `[M, H]`.
        errors: `[M, A, K]`, target minus output.
        tried: bool `[M, A]`, where the errors are known.
    """
    inputs = torch.cat([features, torch.ones_like(features[:, :1])], 1).double()
    weights = layer.weight.view(errors.shape[1], errors.shape[2], -1)
    biases = layer.bias.view(errors.shape[1:])
    for action, rows in enumerate(tried.T):
        if rows.any():
            change = _ridge(inputs[rows], errors[rows, action].double())
            weights[action] += change[:-1].T.to(weights.dtype)
            biases[action] += change[-1].to(biases.dtype)


def _ridge(inputs: Tensor, outputs: Tensor) -> Tensor:
    """Solve ridge regression of `[M, K]` on `[M, H]`, by the smaller Gram matrix; `[H, K]`."""
    few = len(inputs) < inputs.shape[1]
    gram = inputs @ inputs.T if few else inputs.T @ inputs
    gram.diagonal().add_(RIDGE * gram.diagonal().sum())
    if few:
        solved: Tensor = torch.linalg.solve(gram, outputs)
        return inputs.T @ solved
    solved = torch.linalg.solve(gram, inputs.T @ outputs)
    return solved
