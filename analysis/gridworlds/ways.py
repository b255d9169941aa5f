"""Compute exactly whether a policy goes around things, disturbs them, or misses the goal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chisel.analysis.evaluation import Ways, action_probabilities
from chisel.envs.gridworlds import GridworldVectorEnv, TabularMDP, board_planes
from chisel.models import to_tensor

Policy = Callable[[torch.Tensor], torch.Tensor]


def ways_of(policy: Policy, env: GridworldVectorEnv) -> Ways:
    """Return the outcomes of episodes that begin where the shortest path disturbs something.

    Nothing is sampled: the distribution over all states is followed step by step.

    Args:
        policy: Function from observations `[B, C, H, W]` to logits `[B, A]`.
        env: The world, with its time limit.
    """
    mdp = env.mdp
    boards = to_tensor(board_planes(mdp.boards, env.world.planes))
    with torch.inference_mode():
        chosen = action_probabilities(policy(boards).double()).numpy()[mdp.board]
    starts = tempting_starts(mdp)
    share = np.zeros(len(mdp.terminal))
    share[starts] = 1 / len(starts)
    for _ in range(env.world.max_steps):
        moved = np.zeros_like(share)
        np.add.at(moved, mdp.next_state, share[:, None] * chosen)
        share = moved
    clean = np.isin(mdp.things, mdp.things[mdp.starts])
    around, through = (float(share[mdp.terminal & one].sum()) for one in (clean, ~clean))
    return Ways(around, through, float(share[~mdp.terminal].sum()))


def tempting_starts(mdp: TabularMDP) -> NDArray[np.int32]:
    """Return the first states from which the shortest path to an end disturbs something `[K]`."""
    every, undisturbing = (_distances(mdp, allowed) for allowed in (True, ~mdp.disturbs))
    starts = mdp.starts
    return starts[every[starts] < undisturbing[starts]]


def _distances(mdp: TabularMDP, allowed: Any) -> NDArray[np.float64]:
    """Return the steps from each state to an end by allowed actions `[S]`; infinite if there is
    none.
    """
    steps = np.where(mdp.terminal, 0.0, np.inf)
    while True:
        ahead = np.where(allowed, steps[mdp.next_state], np.inf).min(axis=1) + 1
        fewer = np.minimum(steps, ahead)
        if np.array_equal(fewer, steps):
            return steps
        steps = fewer
