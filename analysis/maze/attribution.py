"""Turn the moves of a maze agent into scores, and attribute these to the channels of a layer."""

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
    """Return the score log P(toward) − log P(against): the log-odds of one move against another.

    A move's probability is the sum over the actions that make it.

    Args:
        layer_split: Network and layer whose activations the score takes.
        obs: Observations `[N, C, H, W]` that the activations come from.
        toward: One move of each example, an index into `MOVES`, `[N]`.
        against: The other move of each example, `[N]`.
    """
    rows = torch.arange(len(obs))
    first, second = torch.from_numpy(toward), torch.from_numpy(against)

    def score(activations: Tensor) -> Tensor:
        moves = move_log_probabilities(layer_split.differentiable(activations, obs))
        return moves[rows, first] - moves[rows, second]

    return score


def direct_logit_attribution(layer_split: LayerSplit, obs: Tensor) -> NDArray[np.float64]:
    """Return the contribution of each channel to each move's logit: activation times gradient.

    A move's logit is the mean over the actions that make it, minus the mean over moves. These
    networks are linear around any input, so the contributions of all channels and of the biases
    after the layer add up to the logits exactly.

    Args:
        layer_split: Network and layer.
        obs: Observations `[N, C, H, W]`.

    Returns:
        Contributions `[N, C, 5]`, for the moves LEFT, DOWN, UP, RIGHT, NOOP.
    """
    with torch.enable_grad():
        maps = layer_split.before(obs).requires_grad_()
        scores = move_logits(layer_split.differentiable(maps, obs))
        by_move = []
        for move in range(scores.shape[1]):
            (slope,) = torch.autograd.grad(scores[:, move].sum(), maps, retain_graph=True)
            by_move.append((maps * slope).flatten(2).sum(2) if maps.dim() > 2 else maps * slope)
    attribution: NDArray[np.float64] = torch.stack(by_move, 2).detach().double().numpy()
    return attribution


def move_log_probabilities(logits: Tensor) -> Tensor:
    """Return log-probabilities of the five moves `[N, 5]` from logits of 15 actions `[N, 15]`."""
    actions = torch.log_softmax(logits.cpu().double(), dim=-1)
    member = torch.from_numpy(MOVE_OF_ACTION.copy())
    return torch.stack(
        [torch.logsumexp(actions[:, member == move], dim=-1) for move in range(len(MOVES))], dim=-1
    )


def move_logits(logits: Tensor) -> Tensor:
    """Return centred means over the actions of each move `[N, 5]` of 15 logits `[N, 15]`."""
    member = torch.from_numpy(MOVE_OF_ACTION[:, None] == np.arange(len(MOVES))).to(logits)
    means = logits @ (member / member.sum(0))
    return means - means.mean(1, keepdim=True)
