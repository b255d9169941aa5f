"""The goals that end an episode with a reward: the cheese alone, or the top-right corner as well.

The cheese stays where procgen puts it, or is moved into the top-right region of Langosco et al.'s
`maze_aisc`: its cell is drawn uniformly from the free cells of the R×R block in the top right of
the inner maze, except the cell where the mouse starts. procgen knows no other goal than the cheese:
if the corner is one too, nothing is drawn in it, so neither pixels nor planes show it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from chisel.envs.base import Plain
from chisel.envs.compiled import compiled
from chisel.envs.declarations import require
from chisel.envs.maze.rules import CHEESE, FREE, WALL, Cell

NOTHING, REACHED_CHEESE, REACHED_CORNER = 0, 1, 2
"""Values of an episode's fact `outcome`."""

REWARD: Final = 10.0
"""procgen's reward for the cheese, given for the corner too."""


def require_kind(state: dict[str, Plain], form: int | str, *, corner_ends: bool) -> None:
    """Check that a saved state has an environment's form, and that its episodes end alike.

    Args:
        state: The saved state.
        form: Format of the environment's own states.
        corner_ends: Whether the corner ends the environment's episodes.

    Raises:
        EnvironmentFault: If the state is of another form, or of other goals.
    """
    found = state.get("format")
    require(found == form, f"not a state of this environment: format {found!r}")
    require(state.get("corner_ends") == corner_ends, "the state was saved with other env.goals")


def corner_of(size: int) -> Cell:
    """Return the top right cell of an inner maze with `size` cells a side."""
    return size - 1, size - 1


@compiled
def region_start(size: int, region: int) -> int:
    """Return the first row, and first column, of the region in a maze with `size` cells a side."""
    return size - min(max(region, 1), size)


@dataclass(frozen=True)
class RegionCheese:
    """Puts cheese into the top-right region.

    Attributes:
        region: Side R of the region in cells. 0 and 1 mean the corner cell alone; in a maze smaller
            than R all cells belong to the region.
        spare_corner: Whether the corner cell is left free, because it is a goal of its own.
    """

    region: int
    spare_corner: bool = False

    def lay(
        self, world: NDArray[np.uint8], size: int, start: Cell, generator: np.random.Generator
    ) -> None:
        """Move the cheese of a fresh level in place; remove it if the region has no free cell.

        Args:
            world: Codes of all cells, uint8 `[W, W]`.
            size: Side of the inner maze in cells.
            start: Cell where the mouse starts.
            generator: Draws one number, if there are cells to choose from.
        """
        cells = _cells(world, size, *start, self.region, self.spare_corner)
        if len(cells):
            row, col = cells[generator.integers(len(cells))]
            world[row, col] = CHEESE


@compiled
def _cells(
    world: NDArray[np.uint8],
    size: int,
    start_row: int,
    start_col: int,
    region: int,
    spare_corner: bool,
) -> NDArray[np.int64]:
    """Take all cheese away, and return the cells of the world `[K, 2]` where it may lie."""
    margin = (len(world) - size) // 2
    grid = world[margin : margin + size, margin : margin + size]
    first = region_start(size, region)
    cells = np.empty((size * size, 2), np.int64)
    count = 0
    for row in range(size):
        for col in range(size):
            if grid[row, col] == CHEESE:
                grid[row, col] = FREE
            allowed = min(row, col) >= first and grid[row, col] != WALL
            at_start = row == start_row and col == start_col
            spared = spare_corner and row == size - 1 and col == size - 1
            if allowed and not at_start and not spared:
                cells[count, 0], cells[count, 1] = margin + row, margin + col
                count += 1
    return cells[:count]
