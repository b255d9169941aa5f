"""Shortest paths in a maze: distances, paths, the decision square.

Mazes are bool arrays `[rows, columns]`, True where the mouse can go (`MazeState.open`). Ties
between equally short ways are broken in the order left, right, down, up: results never vary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chisel.envs.maze.rules import Cell

Open = NDArray[np.bool_]


@dataclass(frozen=True)
class PathTree:
    """Shortest paths from one cell to every other cell.

    Attributes:
        root: The cell where all paths begin.
        distance: Steps from the root, int `[rows, columns]`, -1 where no path leads.
        parent: The cell before on the path, int `[rows, columns, 2]`, -1 at the root and where no
            path leads.
    """

    root: Cell
    distance: NDArray[np.int32]
    parent: NDArray[np.int32]

    def path_to(self, cell: Cell) -> list[Cell]:
        """Return the cells from the root to `cell`, both included; empty if no path leads there."""
        if self.distance[cell] < 0:
            return []
        path = [cell]
        while path[-1] != self.root:
            row, col = self.parent[path[-1]]
            path.append((int(row), int(col)))
        return path[::-1]


def free_cells(open_cells: Open) -> list[Cell]:
    """Return all cells that are no wall, from the bottom left, row by row."""
    return [(int(r), int(c)) for r, c in np.argwhere(open_cells)]


def path_tree(open_cells: Open, root: Cell) -> PathTree:
    """Find the shortest paths from `root` to every cell."""
    distance = np.full(open_cells.shape, -1, np.int32)
    parent = np.full((*open_cells.shape, 2), -1, np.int32)
    width = _width(open_cells)
    for flat, before, steps in _search(open_cells, root):
        cell = _cell(flat, width)
        distance[cell] = steps
        if before >= 0:
            parent[cell] = _cell(before, width)
    return PathTree(root, distance, parent)


def distances(open_cells: Open, source: Cell) -> NDArray[np.int32]:
    """Return the steps from `source` to every cell, -1 where no path leads."""
    return path_tree(open_cells, source).distance


def shortest_path(open_cells: Open, start: Cell, end: Cell) -> list[Cell]:
    """Return the cells from `start` to `end`, both included; empty if there is no path."""
    return path_tree(open_cells, start).path_to(end)


@dataclass(frozen=True)
class GoalPaths:
    """Lengths of the paths to the two goals of a maze; -1 where no path leads.

    Attributes:
        cheese: Cell of the nearest cheese; None if none can be reached.
        cheese_path: Steps to it.
        corner_path: Steps to the corner.
        decision: Whether the maze has a `decision_square`: both goals can be reached, and neither
            lies on the path to the other.
    """

    cheese: Cell | None
    cheese_path: int
    corner_path: int
    decision: bool


def to_goals(open_cells: Open, start: Cell, cheese: Iterable[Cell], corner: Cell) -> GoalPaths:
    """Find the paths to the nearest cheese and to the corner in one search."""
    width = _width(open_cells)
    wanted, at_corner = {_flat(cell, width) for cell in cheese}, _flat(corner, width)
    parents: dict[int, int] = {}
    at_cheese = cheese_path = corner_path = -1
    for cell, before, steps in _search(open_cells, start):
        parents[cell] = before
        if cell in wanted and at_cheese < 0:
            at_cheese, cheese_path = cell, steps
        if cell == at_corner:
            corner_path = steps
        if at_cheese >= 0 and corner_path >= 0:
            break
    found = None if at_cheese < 0 else _cell(at_cheese, width)
    if min(cheese_path, corner_path) < 0:
        return GoalPaths(found, cheese_path, corner_path, False)
    near, far = at_cheese, at_corner
    if cheese_path > corner_path:
        near, far = far, near
    for _ in range(abs(cheese_path - corner_path)):
        far = parents[far]
    return GoalPaths(found, cheese_path, corner_path, near != far)


def decision_square(
    open_cells: Open, start: Cell, cheese: Cell, corner: Cell | None = None
) -> Cell | None:
    """Find the last cell that the paths to the cheese and to the corner share.

    There the mouse decides between the two. None if there is nothing to decide: one path is part of
    the other, or one goal cannot be reached. (Public code has two definitions that disagree exactly
    where the corner lies on the way to the cheese; such mazes have no decision square here.)

    Args:
        open_cells: Cells that are no wall, bool `[rows, columns]`.
        start: Cell where both paths begin.
        cheese: One end.
        corner: The other end; None means the top right cell of the maze.
    """
    rows, cols = open_cells.shape
    tree = path_tree(open_cells, start)
    to_cheese = tree.path_to(cheese)
    to_corner = tree.path_to(corner or (rows - 1, cols - 1))
    shared = [a for a, b in zip(to_cheese, to_corner, strict=False) if a == b]
    if not shared or len(shared) in (len(to_cheese), len(to_corner)):
        return None
    return shared[-1]


def _search(open_cells: Open, start: Cell) -> Iterator[tuple[int, int, int]]:
    """Yield cells breadth first: the cell, the cell before it (-1: none), and steps from `start`.

    Cells are numbers that `_cell` turns back into row and column.
    """
    rows, cols = open_cells.shape
    walled = np.zeros(
        (rows + 2, cols + 2), np.bool_
    )  # with a ring of walls nothing leaves the maze
    walled[1:-1, 1:-1] = open_cells
    unseen, width = bytearray(walled.tobytes()), _width(open_cells)
    found = [(_flat(start, width), -1, 0)]
    unseen[found[0][0]] = 0
    for one in found:  # grows while it is gone through
        yield one
        cell, _, steps = one
        for neighbour in (cell - 1, cell + 1, cell - width, cell + width):
            if unseen[neighbour]:
                unseen[neighbour] = 0
                found.append((neighbour, cell, steps + 1))


def _width(open_cells: Open) -> int:
    """Cells in a row of the maze with a ring of walls around it."""
    return int(open_cells.shape[1]) + 2


def _flat(cell: Cell, width: int) -> int:
    return (cell[0] + 1) * width + cell[1] + 1


def _cell(flat: int, width: int) -> Cell:
    row, col = divmod(flat, width)
    return row - 1, col - 1
