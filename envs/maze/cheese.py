"""Cheese in the top-right region of a maze instead of where procgen put it.

The region is that of Langosco et al.'s `maze_aisc`: the cheese's cell is drawn uniformly from the
free cells of the R×R block in the top right of the inner maze, except the cell where the mouse
starts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chisel.envs.maze.rules import Cell
from chisel.envs.maze.state import MazeState


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
        cells = self.cells(state.open, state.mouse)
        if len(cells):
            row, col = cells[int(generator.integers(len(cells)))].tolist()
            state.set_cheese([(row, col)])
        else:
            state.remove_cheese()

    def cells(self, open_cells: NDArray[np.bool_], start: Cell) -> NDArray[np.intp]:
        """Return the cells to draw from, int `[n, 2]`.

        Args:
            open_cells: Where the mouse can go, bool `[d, d]`.
            start: Where the mouse starts.
        """
        side = len(open_cells)
        first = region_start(side, self.region)
        cells = np.argwhere(open_cells[first:, first:]) + first
        allowed = (cells != start).any(axis=1)
        if self.spare_corner:
            allowed &= (cells != side - 1).any(axis=1)
        drawn: NDArray[np.intp] = cells[allowed]
        return drawn


def region_start(size: int, region: int) -> int:
    """Return the first row, and first column, of the region in a maze with `size` cells a side."""
    return size - min(max(region, 1), size)
