"""Shortest paths in a maze: distances, paths, the decision square.

Mazes are bool arrays `[rows, columns]`, True where the mouse can go (`MazeState.open`). Ties
between equally short paths are broken in the order left, right, down, up, so results never vary.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
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
    distance, before, _ = search(open_cells, root[0], root[1])
    parent = np.full((*open_cells.shape, 2), -1, np.int32)
    known = before >= 0
    parent[known] = np.stack(np.divmod(before[known], open_cells.shape[1]), axis=-1)
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
    marked = np.zeros(open_cells.shape, np.bool_)
    for cell in cheese:
        marked[cell] = True
    row, col, to_cheese, to_corner, decides = goal_paths(open_cells, marked, *start, *corner)
    return GoalPaths(None if row < 0 else (row, col), to_cheese, to_corner, bool(decides))


@compiled
def goal_paths(
    open_cells: Open, cheese: Open, row: int, col: int, corner_row: int, corner_col: int
) -> tuple[int, int, int, int, int]:
    """Find the paths from a cell to the nearest cheese and to the corner.

    Args:
        open_cells: Cells that are no wall, bool `[rows, columns]`.
        cheese: Cells with cheese, bool `[rows, columns]`.
        row: Row of the start.
        col: Column of the start.
        corner_row: Row of the corner.
        corner_col: Column of the corner.

    Returns:
        Row and column of the nearest cheese, steps to it and to the corner (-1 where no path
        leads), and whether the maze has a decision square; see `GoalPaths`.
    """
    width = open_cells.shape[1]
    distance, before, order = search(open_cells, row, col)
    at_cheese = -1
    for cell in order:
        if cheese[cell // width, cell % width]:
            at_cheese = cell
            break
    to_corner = distance[corner_row, corner_col]
    if at_cheese < 0:
        return -1, -1, -1, to_corner, 0
    near, far = at_cheese, corner_row * width + corner_col
    to_cheese = distance[near // width, near % width]
    if to_corner < 0:
        return near // width, near % width, to_cheese, -1, 0
    if to_cheese > to_corner:
        near, far = far, near
    for _ in range(abs(to_cheese - to_corner)):
        far = before[far // width, far % width]
    return at_cheese // width, at_cheese % width, to_cheese, to_corner, int(near != far)


def decision_square(
    open_cells: Open, start: Cell, cheese: Cell, corner: Cell | None = None
) -> Cell | None:
    """Find the last cell that the paths to the cheese and to the corner share.

    There the mouse decides between the two. The result is None if there is nothing to decide: one
    path is part of the other, or one goal cannot be reached. (Public code has two definitions that
    disagree only where the corner lies on the way to the cheese; such mazes have no decision square
    here.)

    Args:
        open_cells: Cells that are no wall, bool `[rows, columns]`.
        start: Cell where both paths begin.
        cheese: Cell of the cheese.
        corner: Cell of the corner; None means the top right cell of the maze.
    """
    rows, cols = open_cells.shape
    tree = path_tree(open_cells, start)
    to_cheese = tree.path_to(cheese)
    to_corner = tree.path_to(corner or (rows - 1, cols - 1))
    shared = [a for a, b in zip(to_cheese, to_corner, strict=False) if a == b]
    if not shared or len(shared) in (len(to_cheese), len(to_corner)):
        return None
    return shared[-1]


@compiled
def search(
    open_cells: Open, row: int, col: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Search breadth first from a cell.

    Args:
        open_cells: Cells that are no wall, bool `[rows, columns]`.
        row: Row of the start, which need not be open.
        col: Column of the start.

    Returns:
        Steps to every cell, int32 `[rows, columns]`, -1 where no path leads; the cell before on the
        path, int32 `[rows, columns]`, -1 at the start and where no path leads; and the cells in the
        order in which they are found, int32. Cells are numbers row * columns + column.
    """
    rows, cols = open_cells.shape
    distance = np.full((rows, cols), -1, np.int32)
    before = np.full((rows, cols), -1, np.int32)
    order = np.empty(rows * cols, np.int32)
    distance[row, col] = 0
    order[0] = row * cols + col
    done, found = 0, 1
    while done < found:
        y, x = order[done] // cols, order[done] % cols
        for move in range(4):  # left, right, down, up
            to_y = y + (move == 3) - (move == 2)
            to_x = x + (move == 1) - (move == 0)
            if not (0 <= to_y < rows and 0 <= to_x < cols):
                continue
            if open_cells[to_y, to_x] and distance[to_y, to_x] < 0:
                distance[to_y, to_x] = distance[y, x] + 1
                before[to_y, to_x] = order[done]
                order[found] = to_y * cols + to_x
                found += 1
        done += 1
    return distance, before, order[:found]
