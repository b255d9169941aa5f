"""Find out whether a step changed something that doing nothing would have left as it was."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.envs.safelife import cells
from chisel.envs.safelife.actions import NOOP
from chisel.envs.safelife.games import Games, play


def copy_games(games: Games) -> Games:
    """Return a copy of the whole state of games, with their random streams."""
    return Games._make(array.copy() for array in games)


def disturbed(games: Games, twins: Games, rules_12: bool) -> NDArray[np.bool_]:
    """Return whether the last step of each game changed what doing nothing would have left, `[N]`.

    Everything on the board counts, except for the agent itself.

    Args:
        games: The games after the step.
        twins: Copies of the games from before the step, in which a step of doing nothing is played.
        rules_12: Whether the rules are those of 1.2.
    """
    number = len(twins.board)
    nothing, rewards = np.full(number, NOOP, np.int64), np.zeros(number, np.int64)
    play(twins, nothing, rewards, 0, number, rules_12)
    differs: NDArray[np.bool_] = (_things(games.board) != _things(twins.board)).any(axis=(1, 2))
    return differs


def _things(boards: NDArray[np.uint16]) -> NDArray[np.uint16]:
    return np.where(boards & cells.AGENT, np.uint16(cells.EMPTY), boards)
