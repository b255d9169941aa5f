"""Tables of facts about every cell of a level set, computed once, so that games look them up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.maze.goals import RegionCheese, region_start
from chisel.envs.maze.levels import LevelSet
from chisel.envs.maze.native.flat import NO_CELL, canvas
from chisel.envs.maze.paths import search
from chisel.envs.maze.rules import CHEESE, MOVE_DELTAS, WALL

SLOTS = 4
"""Largest number of cells that cover one pixel; see `flat_tables`."""
_DELTAS = np.array(MOVE_DELTAS)
_BATCH = 1024


@dataclass(frozen=True, eq=False)
class LevelTables:
    """Tables over `L` levels in a square of `S` cells a side, row 0 at the top.

    The mazes lie in the middle, with walls around them. Cells are numbers row * S + column.

    Attributes:
        walls: Whether cells are walls, bool `[L, S * S]`.
        moves: Bit i is set where move i is open, uint8 `[L, S * S]`.
        steps: Steps from the start, int16 `[L, S * S]`, -1 where no path leads.
        decides: Whether a cheese there makes a decision square (see `paths.GoalPaths`), bool
            `[L, S * S]`.
        cells: Cells where the cheese may lie, int16 `[L, K]`; -1 beyond their count.
        counts: Number of these cells, int64 `[L]`.
        starts: Cells where the mouse starts, int64 `[L]`.
        corners: The top right cells of the mazes, int64 `[L]`.
    """

    walls: NDArray[np.bool_]
    moves: NDArray[np.uint8]
    steps: NDArray[np.int16]
    decides: NDArray[np.bool_]
    cells: NDArray[np.int16]
    counts: NDArray[np.int64]
    starts: NDArray[np.int64]
    corners: NDArray[np.int64]


def level_tables(levels: LevelSet, side: int, cheese: RegionCheese | None) -> LevelTables:
    """Make the tables of a level set.

    Args:
        levels: The levels; no maze may be larger than `side`.
        side: Side S of the square in cells.
        cheese: Region in which the cheese may lie; None leaves it where the level set has it.
    """
    count, cells = len(levels), side * side
    choices = 1 if cheese is None else min(max(cheese.region, 1), side) ** 2
    tables = LevelTables(
        np.ones((count, cells), np.bool_),
        np.zeros((count, cells), np.uint8),
        np.full((count, cells), -1, np.int16),
        np.zeros((count, cells), np.bool_),
        np.full((count, choices), -1, np.int16),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
    )
    region, spare = (-1, False) if cheese is None else (cheese.region, cheese.spare_corner)
    columns = tuple(vars(tables).values())
    _fill(levels.worlds, levels.sizes, levels.starts, side, region, spare, *columns)
    return tables


@compiled
def _fill(
    worlds: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    begins: NDArray[np.int64],
    side: int,
    region: int,
    spare: bool,
    walls: NDArray[np.bool_],
    moves: NDArray[np.uint8],
    steps: NDArray[np.int16],
    decides: NDArray[np.bool_],
    cells: NDArray[np.int16],
    counts: NDArray[np.int64],
    starts: NDArray[np.int64],
    corners: NDArray[np.int64],
) -> None:
    for level in range(len(worlds)):
        size, (row, col) = sizes[level], begins[level]
        margin, ring = (worlds.shape[1] - size) // 2, (side - size) // 2
        grid = worlds[level, margin : margin + size, margin : margin + size]
        top = ring + size - 1
        starts[level] = (top - row) * side + ring + col
        corners[level] = ring * side + top
        distance, shown = _decisions(grid != WALL, row, col)
        for y in range(size):
            for x in range(size):
                cell = (top - y) * side + ring + x
                walls[level, cell] = grid[y, x] == WALL
                moves[level, cell] = _open_moves(grid, y, x)
                steps[level, cell] = distance[y, x]
                decides[level, cell] = shown[y, x]
                at_start = y == row and x == col
                if _may_lie(grid, y, x, region, spare) and (region < 0 or not at_start):
                    cells[level, counts[level]] = cell
                    counts[level] += 1


@compiled
def _open_moves(grid: NDArray[np.uint8], y: int, x: int) -> int:
    """Return the moves that lead from a cell to another, as bits."""
    bits = 0
    for move in range(4):
        to_y, to_x = y + _DELTAS[move, 0], x + _DELTAS[move, 1]
        inside = 0 <= to_y < len(grid) and 0 <= to_x < len(grid)
        if inside and grid[to_y, to_x] != WALL:
            bits |= 1 << move
    return bits


@compiled
def _may_lie(grid: NDArray[np.uint8], y: int, x: int, region: int, spare: bool) -> bool:
    """Return whether the cheese may lie on a cell other than the start.

    With region -1 it may lie only where it lies now.

    Cells come in the order in which `RegionCheese` lists them.
    """
    if region < 0:
        return bool(grid[y, x] == CHEESE)
    spared = spare and y == len(grid) - 1 and x == len(grid) - 1
    return min(y, x) >= region_start(len(grid), region) and grid[y, x] != WALL and not spared


@compiled
def _decisions(
    open_cells: NDArray[np.bool_], row: int, col: int
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the steps to every cell, and whether a cheese there would make a decision square."""
    side = len(open_cells)
    distance, before, order = search(open_cells, row, col)
    corner = side * side - 1
    to_corner = np.zeros(side * side, np.bool_)  # cells on the path to the corner
    if distance[side - 1, side - 1] < 0:
        return distance, to_corner.reshape(side, side)
    at = corner
    while at >= 0:
        to_corner[at] = True
        at = before[at // side, at % side]
    behind = np.zeros(side * side, np.bool_)  # cells to which a path leads through the corner
    decides = np.zeros(side * side, np.bool_)
    for cell in order:
        parent = before[cell // side, cell % side]
        behind[cell] = cell == corner or (parent >= 0 and behind[parent])
        decides[cell] = not behind[cell] and not to_corner[cell]
    return distance, decides.reshape(side, side)


def flat_tables(
    levels: LevelSet,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
    """Compute the cells that each pixel of the flat look shows; see `native.flat`.

    Up to four cells cover a pixel. They are in slots 0 to 3, with the cell that is drawn last in
    slot 0. The pixel shows the first slot that is not free. Cells are those of `LevelTables` with
    S = W.

    Returns:
        The first slot with a wall, uint8 `[L, 4096]`, 4 where there is none; by cell the slot that
        it has, uint8 `[W * W + 1, 4096]`, 5 where it does not cover the pixel, and nowhere in the
        last row; and by cell whether a mouse there covers the pixel, bool `[W * W, 4096]`.
    """
    side = levels.worlds.shape[1]
    seen = canvas(side, centred=False)
    pixels = seen.cols.shape[1]
    walls = np.full((len(levels), pixels, pixels), SLOTS, np.uint8)
    slots = np.full((side * side + 1, pixels, pixels), SLOTS + 1, np.uint8)
    ys, xs = np.indices((pixels, pixels))
    for slot in reversed(range(SLOTS)):
        rows = np.broadcast_to(seen.rows[0, :, slot % 2, None], ys.shape)
        cols = np.broadcast_to(seen.cols[0, None, :, slot // 2], ys.shape)
        covered = (rows != NO_CELL) & (cols != NO_CELL)
        at = rows[covered], cols[covered]
        slots[(side - 1 - at[0]) * side + at[1], ys[covered], xs[covered]] = slot
        for first in range(0, len(levels), _BATCH):
            batch = slice(first, first + _BATCH)
            shown = walls[batch][:, covered]
            shown[levels.worlds[batch][:, *at] == WALL] = slot
            walls[batch, covered] = shown
    mice = np.zeros((side * side, pixels, pixels), np.bool_)
    for cell in range(side * side):
        (top, bottom), (left, right) = (
            seen.tops[0, side - 1 - cell // side],
            seen.lefts[0, cell % side],
        )
        mice[cell, top:bottom, left:right] = True
    return walls.reshape(len(levels), -1), slots.reshape(-1, pixels**2), mice.reshape(-1, pixels**2)
