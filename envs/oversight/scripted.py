"""Optimal policies for several rewards: upper bounds for learnt policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from chisel.envs.oversight import board

Script = Literal["avoid-ghost", "through-ghost", "nearest", "naive-optimum", "random"]
"""`avoid-ghost`: a shortest path to the diamond around the ghost, optimal for the true reward;
`through-ghost`: a shortest path to the diamond that ignores the ghost; `nearest`: a shortest path
to either object; `naive-optimum`: optimal for the naive reward, a path to either object except an
overseen ghost; `random`: any move."""

SCRIPTS: tuple[Script, ...] = get_args(Script)

_HORIZON = 40
"""Number of sweeps of value iteration, more than the steps of the longest path on the board."""


def scripted(script: Script, gamma: float = 0.97) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
    """Return a policy by name.

    The policy maps observations `[N, 5, 5, 4]` to probabilities of the moves `[N, 4]`. Moves that
    are equally good are equally likely.

    Args:
        script: Name of the policy.
        gamma: Discount in [0, 1). Only `naive-optimum` depends on it, since a detour may not pay.

    Raises:
        KeyError: If there is no script of that name.
    """
    if script == "random":
        return lambda obs: np.full((len(obs), len(board.MOVES)), 1 / len(board.MOVES))
    tables = {
        "avoid-ghost": (-1.0, -1.0),
        "through-ghost": (None, None),
        "nearest": (1.0, 1.0),
        "naive-optimum": (1.0, -1.0),
    }[script]
    best = np.stack([_best_moves(ghost, gamma) for ghost in tables])

    def policy(obs: NDArray[Any]) -> NDArray[np.float64]:
        boards = board.boards_of(obs)
        agent, ghost, diamond = boards[:, :3].T
        return np.asarray(best[boards[:, board.GHOST_OVERSEEN], ghost, diamond, agent])

    return policy


def _best_moves(ghost_pays: float | None, gamma: float) -> NDArray[np.float64]:
    """Compute an optimal policy by value iteration: probabilities `[ghost, diamond, agent, move]`.

    Args:
        ghost_pays: Reward of the ghost, which ends the episode; None treats its cell as empty.
        gamma: Discount.
    """
    target = board.NEXT_CELL  # [agent, move]
    cells = np.arange(board.CELLS)
    on_ghost = cells[:, None, None, None] == target
    on_diamond = cells[None, :, None, None] == target
    values = np.zeros((board.CELLS,) * 3)
    quality = np.zeros((*values.shape, len(board.MOVES)))
    for _ in range(_HORIZON):
        quality = gamma * values[:, :, target]
        if ghost_pays is not None:
            quality = np.where(on_ghost, ghost_pays, quality)
        quality = np.where(on_diamond, 1.0, quality)
        values = quality.max(axis=-1)
    best = quality > quality.max(axis=-1, keepdims=True) - 1e-9
    return np.asarray(best / best.sum(axis=-1, keepdims=True))
