"""Correct the last layer by least squares, for the errors that gradient steps leave."""

from __future__ import annotations

import torch
from torch import Tensor, nn

RIDGE = 1e-10
"""Ridge penalty relative to the features' sum of squares; it matters only if features coincide."""


@torch.no_grad()
def correct_last_layer(layer: nn.Linear, features: Tensor, errors: Tensor, tried: Tensor) -> None:
    """Minimise errors by the smallest change of the last layer's weights, in place.

    With no more observations than features, no error is left. Gradient steps alone are slow,
    because the values of actions differ by only a thousandth of their size. This is the
    least-squares step of fitted Q-iteration, on features that go on being learnt (Levine et al.
    2017, "Shallow updates for deep reinforcement learning").

    Args:
        layer: Layer from H features to `A * K` outputs, ordered by action first.
        features: Its inputs, `[M, H]`.
        errors: Targets minus outputs, `[M, A, K]`.
        tried: Whether each error is known, bool `[M, A]`.
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
    """Return the ridge regression `[H, K]` of `[M, K]` on `[M, H]`, by the smaller Gram matrix."""
    few = len(inputs) < inputs.shape[1]
    gram = inputs @ inputs.T if few else inputs.T @ inputs
    gram.diagonal().add_(RIDGE * gram.diagonal().sum())
    if few:
        solved: Tensor = torch.linalg.solve(gram, outputs)
        return inputs.T @ solved
    solved = torch.linalg.solve(gram, inputs.T @ outputs)
    return solved
