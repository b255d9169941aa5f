"""Direct logit attribution: what each channel of a layer adds to the logit of each move."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from chisel.analysis.interventions import LayerSplit
from chisel.envs.maze import MOVE_OF_ACTION, MOVES


def direct_logit_attribution(layer_split: LayerSplit, obs: torch.Tensor) -> NDArray[np.float64]:
    """What each channel says for each move: activation times gradient of the move's logit.

    A move's logit is the mean over the actions that make it, less the mean over moves. These
    networks are linear around any input, so what all channels add and what the biases behind
    the layer add sum up to the logits exactly.

    Args:
        layer_split: The layer.
        obs: Observations `[N, C, H, W]`.

    Returns:
        `[N, C, 5]`, the moves LEFT, DOWN, UP, RIGHT, NOOP.
    """
    with torch.enable_grad():
        maps = layer_split.before(obs).requires_grad_()
        scores = move_logits(layer_split.differentiable(maps, obs))
        found = []
        for move in range(scores.shape[1]):
            (slope,) = torch.autograd.grad(scores[:, move].sum(), maps, retain_graph=True)
            found.append((maps * slope).flatten(2).sum(2) if maps.dim() > 2 else maps * slope)
    given: NDArray[np.float64] = torch.stack(found, 2).detach().double().numpy()
    return given


def move_logits(logits: torch.Tensor) -> torch.Tensor:
    """Logits of 15 actions `[N, 15]` as centred means over the actions of each move `[N, 5]`."""
    member = torch.from_numpy(MOVE_OF_ACTION[:, None] == np.arange(len(MOVES))).to(logits)
    means = logits @ (member / member.sum(0))
    return means - means.mean(1, keepdim=True)
