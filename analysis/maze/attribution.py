"""The decision of a maze agent as a score that attributions explain."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.analysis.attribution import Score
from chisel.analysis.interventions import LayerSplit
from chisel.envs.maze import MOVE_OF_ACTION, MOVES


def log_odds(
    layer_split: LayerSplit, obs: Tensor, toward: NDArray[np.int64], against: NDArray[np.int64]
) -> Score:
    """Log-odds of one move against another, log P(toward) − log P(against), as a score.

    A move's probability is the sum over the actions that make it.

    Args:
        layer_split: Network and layer whose activations the score takes.
        obs: The observations they come from `[N, C, H, W]`.
        toward: Index into `MOVES` for each example `[N]`.
        against: The same.
    """
    rows = torch.arange(len(obs))
    first, second = torch.from_numpy(toward), torch.from_numpy(against)

    def score(activations: Tensor) -> Tensor:
        moves = move_log_probabilities(layer_split.differentiable(activations, obs))
        return moves[rows, first] - moves[rows, second]

    return score


def move_log_probabilities(logits: Tensor) -> Tensor:
    """Log-probabilities of the five moves `[N, 5]` from logits of the 15 actions `[N, 15]`."""
    actions = torch.log_softmax(logits.cpu().double(), dim=-1)
    member = torch.from_numpy(MOVE_OF_ACTION.copy())
    return torch.stack(
        [torch.logsumexp(actions[:, member == move], dim=-1) for move in range(len(MOVES))], dim=-1
    )
