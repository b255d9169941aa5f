"""Ways through a maze: distances, shortest paths, the decision square.

Mazes are bool arrays `[rows, columns]`, True where the mouse can go (`MazeState.open`). Ties
between equally short ways are broken in the order left, right, down, up: results never vary.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chisel.envs.maze.rules import MOVE_DELTAS, MOVES, Cell

Open = NDArray[np.bool_]


@dataclass(frozen=True)
class PathTree:
    """Shortest paths from one cell to every other.

    Attributes:
        root: The cell where all paths begin.
        distance: Steps from the root, int `[rows, columns]`, -1 where no path leads.
        parent: The cell before, int `[rows, columns, 2]`, -1 at the root and where no path leads.
    """

    root: Cell
    distance: NDArray[np.int32]
    parent: NDArray[np.int32]

    def path_to(self, cell: Cell) -> list[Cell]:
        """Cells from the root to `cell`, both included; empty if no path leads there."""
        if self.distance[cell] < 0:
            return []
        path = [cell]
        while path[-1] != self.root:
            row, col = self.parent[path[-1]]
            path.append((int(row), int(col)))
        return path[::-1]

    def moves_to_root(self) -> NDArray[np.int8]:
        """Index into `MOVES` of the first step from each cell to the root; NOOP where none."""
        rows, cols = self.distance.shape
        moves = np.full((rows, cols), MOVES.index("NOOP"), np.int8)
        for row, col in np.argwhere(self.distance > 0):
            before = self.parent[row, col]
            moves[row, col] = MOVE_DELTAS.index((int(before[0] - row), int(before[1] - col)))
        return moves


def free_cells(open_cells: Open) -> list[Cell]:
    """All cells the mouse can stand on, from the bottom left, row by row."""
    return [(int(r), int(c)) for r, c in np.argwhere(open_cells)]


def path_tree(open_cells: Open, root: Cell) -> PathTree:
    """Shortest paths from `root` to every cell."""
    rows, cols = open_cells.shape
    width, field = _field(open_cells)
    parents = {_flat(root, width): -1}
    distance = np.full((rows, cols), -1, np.int32)
    parent = np.full((rows, cols, 2), -1, np.int32)
    frontier = list(parents)
    field[frontier[0]] = 0
    steps = 0
    while frontier:
        reached: list[int] = []
        for cell in frontier:
            row, col = _cell(cell, width)
            distance[row, col] = steps
            if parents[cell] >= 0:
                parent[row, col] = _cell(parents[cell], width)
            for neighbour in (cell - 1, cell + 1, cell - width, cell + width):
                if field[neighbour]:
                    field[neighbour] = 0
                    parents[neighbour] = cell
                    reached.append(neighbour)
        frontier = reached
        steps += 1
    return PathTree(root, distance, parent)


def distances(open_cells: Open, source: Cell) -> NDArray[np.int32]:
    """Steps from `source` to every cell, -1 where no path leads."""
    return path_tree(open_cells, source).distance


def shortest_path(open_cells: Open, start: Cell, end: Cell) -> list[Cell]:
    """Cells from `start` to `end`, both included; empty if there is no way."""
    return path_tree(open_cells, start).path_to(end)


def nearest(open_cells: Open, start: Cell, targets: Iterable[Cell]) -> tuple[Cell, int] | None:
    """The target with the shortest way from `start`, and its steps; None if none is reachable."""
    width, field = _field(open_cells)
    wanted = {_flat(target, width) for target in targets}
    frontier = [_flat(start, width)]
    if frontier[0] in wanted:
        return start, 0
    steps = 0
    field[frontier[0]] = 0
    while frontier and wanted:
        steps += 1
        reached: list[int] = []
        for cell in frontier:
            for neighbour in (cell - 1, cell + 1, cell - width, cell + width):
                if field[neighbour]:
                    if neighbour in wanted:
                        return _cell(neighbour, width), steps
                    field[neighbour] = 0
                    reached.append(neighbour)
        frontier = reached
    return None


@dataclass(frozen=True)
class GoalPaths:
    """How far the two goals of a maze are; -1 where no path leads.

    Attributes:
        cheese: The cheese with the shortest path from the start; None if none can be reached.
        cheese_path: Steps to it.
        corner_path: Steps to the corner.
        decision: Whether both can be reached and neither lies on the path to the other: whether the
            maze has a `decision_square`.
    """

    cheese: Cell | None
    cheese_path: int
    corner_path: int
    decision: bool


def to_goals(open_cells: Open, start: Cell, cheese: Iterable[Cell], corner: Cell) -> GoalPaths:
    """Paths to the nearest cheese and to the corner, in one search that ends when it has both."""
    width, field = _field(open_cells)
    wanted, at_corner = {_flat(cell, width) for cell in cheese}, _flat(corner, width)
    at_start = _flat(start, width)
    parents = {at_start: -1}
    field[at_start] = 0
    frontier, steps = [at_start], 0
    at_cheese = cheese_path = corner_path = -1
    while frontier and (at_cheese < 0 or corner_path < 0):
        reached: list[int] = []
        for cell in frontier:
            if cell in wanted and at_cheese < 0:
                at_cheese, cheese_path = cell, steps
            if cell == at_corner:
                corner_path = steps
            for neighbour in (cell - 1, cell + 1, cell - width, cell + width):
                if field[neighbour]:
                    field[neighbour] = 0
                    parents[neighbour] = cell
                    reached.append(neighbour)
        frontier = reached
        steps += 1
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
    """The last cell that the paths to the cheese and to the corner share.

    Here the mouse shows what it wants. None if there is nothing to decide: one path is part of the
    other, or one goal cannot be reached. (Public code has two definitions that disagree exactly
    where the corner lies on the way to the cheese; such mazes have no decision square here.)

    Args:
        open_cells: Where the mouse can go.
        start: Where both paths begin.
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


def _field(open_cells: Open) -> tuple[int, bytearray]:
    """The maze with a ring of walls, flat: neighbours need no bound checks."""
    rows, cols = open_cells.shape
    field = np.zeros((rows + 2, cols + 2), np.bool_)
    field[1:-1, 1:-1] = open_cells
    return cols + 2, bytearray(field.tobytes())


def _flat(cell: Cell, width: int) -> int:
    return (cell[0] + 1) * width + cell[1] + 1


def _cell(flat: int, width: int) -> Cell:
    row, col = divmod(flat, width)
    return row - 1, col - 1
