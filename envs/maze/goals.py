"""The goals that end an episode with a reward: the cheese alone, or the top-right corner as well.

The cheese stays where procgen puts it, or is moved into the top-right region of Langosco et al.'s
`maze_aisc`: its cell is drawn uniformly from the free cells of the R×R block in the top right of
the inner maze, except the cell where the mouse starts. procgen knows no other goal than the cheese:
if the corner is one too, nothing is drawn in it, so neither pixels nor planes show it.
"""

from __future__ import annotations

from dataclasses import dataclass
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
        return np.asarray(self._mice.at == self._corners)


@dataclass(frozen=True)
class RegionCheese:
    """Puts cheese into the top-right region.

    Attributes:
        region: Side R in cells. 0 and 1 are the corner cell; in a smaller maze all cells belong to
            it.
        spare_corner: Whether the corner cell is left free, because it is a goal of its own.
    """

    region: int
    spare_corner: bool = False

    def place(self, state: MazeState, generator: np.random.Generator) -> None:
        """Move the cheese of a fresh level; remove it if the region has no free cell."""
        state.set_cheese(self.draw(state.open, state.mouse, generator))

    def draw(
        self, open_cells: NDArray[np.bool_], start: Cell, generator: np.random.Generator
    ) -> list[Cell]:
        """Draw the cheese's cell; without one if the region has no free cell.

        Args:
            open_cells: Cells that are no wall, bool `[d, d]`.
            start: Cell where the mouse starts.
            generator: Draws one number, if there are cells to choose from.
        """
        cells = self.cells(open_cells, start)
        if not len(cells):
            return []
        row, col = cells[int(generator.integers(len(cells)))].tolist()
        return [(row, col)]

    def cells(self, open_cells: NDArray[np.bool_], start: Cell) -> NDArray[np.intp]:
        """Return the cells to draw from, int `[n, 2]`.

        Args:
            open_cells: Cells that are no wall, bool `[d, d]`.
            start: Cell where the mouse starts.
        """
        side = len(open_cells)
        first = region_start(side, self.region)
        cells = np.argwhere(open_cells[first:, first:]) + first
        allowed = (cells != start).any(axis=1)
        if self.spare_corner:
            allowed &= (cells != side - 1).any(axis=1)
        return np.asarray(cells[allowed])


def region_start(size: int, region: int) -> int:
    """Return the first row, and first column, of the region in a maze with `size` cells a side."""
    return size - min(max(region, 1), size)
