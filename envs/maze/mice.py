"""The cells of the mice, followed without reading procgen's states at every step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.envs.maze.rules import MOVE_DELTAS, MOVE_OF_ACTION, WALL, Cell
from chisel.envs.maze.state import MazeState


class Mice:
    """Positions of the mice of `num` games, in squares with the maze in the middle of walls.

    Attributes:
        walls: bool `[num, side * side]`, row by row, the first row at the top.
        at: Each mouse's index into its square, int64 `[num]`.

    Args:
        num: Number of games.
        max_size: Largest inner maze; with the ring of walls, `side` is two cells more.
    """

    def __init__(self, num: int, max_size: int) -> None:
        # With a ring of walls every move leads to a cell of the square.
        self.side = max_size + 2
        self.walls = np.ones((num, self.side**2), np.bool_)
        self.at = np.zeros(num, np.int64)
        self._rows = np.arange(num)
        # Up is towards the square's first row.
        steps = [-row * self.side + col for row, col in MOVE_DELTAS]
        self._step_of_action = np.array(steps)[MOVE_OF_ACTION]

    def begin(self, row: int, state: MazeState) -> None:
        """Follow a game from this state on."""
        size = state.maze_dim
        ring = (self.side - size) // 2
        square = np.ones((self.side, self.side), np.bool_)
        square[ring : ring + size, ring : ring + size] = state.grid[::-1] == WALL
        self.walls[row] = square.ravel()
        self.at[row] = self.index(state.mouse, size)

    def index(self, cell: Cell, size: int) -> int:
        """Return the index into the square of a cell of an inner maze with `size` cells a side."""
        ring = (self.side - size) // 2
        return (ring + size - 1 - cell[0]) * self.side + ring + cell[1]

    def move(self, actions: NDArray[np.integer[Any]]) -> None:
        """Follow one step of every game; a wall stops the mouse."""
        target = self.at + self._step_of_action[actions]
        self.at = np.where(self.walls[self._rows, target], self.at, target)
