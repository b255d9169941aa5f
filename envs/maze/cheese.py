"""Where the cheese goes: as procgen placed it, or somewhere in the top-right region.

The region has the semantics of Langosco et al.'s `maze_aisc`: the cheese lies uniformly on the free
cells of the R×R block in the top right of the inner maze, never where the mouse starts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chisel.envs.maze.rules import Cell
from chisel.envs.maze.state import MazeState


@dataclass(frozen=True)
class RegionCheese:
    """Cheese in the top-right region.

    Attributes:
        region: Side R in cells; a smaller maze is all region, 0 is exactly the corner cell.
        spare_corner: Never in the corner cell itself, which is another goal.
    """

    region: int
    spare_corner: bool = False

    def place(self, state: MazeState, generator: np.random.Generator) -> None:
        """Move the cheese of a fresh level; without a free cell in the region there is none."""
        cells = self.cells(state.open, state.mouse)
        if len(cells):
            row, col = cells[int(generator.integers(len(cells)))].tolist()
            state.set_cheese([(row, col)])
        else:
            state.remove_cheese()

    def cells(self, open_cells: NDArray[np.bool_], start: Cell) -> NDArray[np.intp]:
        """The cells to draw from, int `[n, 2]`.

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
    """First row, and first column, of the top-right region of a maze with `size` cells a side."""
    return size - min(max(region, 1), size)
