"""The goals that end an episode with a reward: the cheese alone, or the top-right corner as well.

procgen knows only the cheese. Nothing is drawn in the corner, so neither pixels nor planes show
that it is a goal.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chisel.envs.maze.mice import Mice
from chisel.envs.maze.rules import Cell
from chisel.envs.maze.state import MazeState

NOTHING, REACHED_CHEESE, REACHED_CORNER = 0, 1, 2
"""Values of an episode's fact `outcome`."""

REWARD: Final = 10.0
"""procgen's reward for the cheese, given for the corner too."""


def corner_of(size: int) -> Cell:
    """Return the top right cell of an inner maze with `size` cells a side."""
    return size - 1, size - 1


class CornerGoal:
    """Detects when mice step into the top-right corner.

    Args:
        num: Number of games.
        max_size: Largest inner maze.
    """

    def __init__(self, num: int, max_size: int) -> None:
        self._mice = Mice(num, max_size)
        self._corners = np.zeros(num, np.int64)

    def begin(self, row: int, state: MazeState) -> None:
        """Follow a game from this state on."""
        self._mice.begin(row, state)
        self._corners[row] = self._mice.index(corner_of(state.maze_dim), state.maze_dim)

    def reached(self, actions: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Follow one step of every game; return whether it leads into the corner, bool `[num]`."""
        self._mice.move(actions)
        there: NDArray[np.bool_] = self._mice.at == self._corners
        return there
