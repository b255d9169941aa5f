"""Slow reference implementations, and a policy that knows the maze."""

import itertools

import numpy as np

from chisel.envs.maze import (
    ACTION_OF_MOVE,
    MOVE_DELTAS,
    MOVES,
    MazeState,
    MazeVectorEnv,
    paths,
)


def relaxed_distances(open_cells, source):
    """Compute steps from `source` by repeating `1 + smallest neighbour` until nothing changes."""
    far = 10**6
    distance = np.where(open_cells, far, far)
    distance[source] = 0
    while True:
        padded = np.pad(distance, 1, constant_values=far)
        around = np.minimum.reduce(
            [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
        )
        better = np.where(open_cells, np.minimum(distance, around + 1), far)
        if (better == distance).all():
            return np.where(distance >= far, -1, distance)
        distance = better


def filled_path(open_cells, start, end):
    """Return the cells of the only path of a tree maze: those left when dead ends are filled."""
    left = open_cells.copy()
    while True:
        padded = np.pad(left, 1).astype(int)
        ways = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
        dead = left & (ways <= 1)
        dead[start] = dead[end] = False
        if not dead.any():
            return {tuple(cell) for cell in np.argwhere(left).tolist()}
        left &= ~dead


def random_tree(generator, side):
    """Make a maze without loops on an odd square, carved by a random walk."""
    open_cells = np.zeros((side, side), bool)
    stack = [(0, 0)]
    open_cells[0, 0] = True
    while stack:
        row, col = stack[-1]
        steps = [(2, 0), (-2, 0), (0, 2), (0, -2)]
        generator.shuffle(steps)
        for down, right in steps:
            r, c = row + down, col + right
            if 0 <= r < side and 0 <= c < side and not open_cells[r, c]:
                open_cells[row + down // 2, col + right // 2] = open_cells[r, c] = True
                stack.append((r, c))
                break
        else:
            stack.pop()
    return open_cells


def actions_to_cheese(state: MazeState) -> list[int]:
    """Return the actions of a shortest path from the mouse to the first cheese."""
    path = paths.shortest_path(state.open, state.mouse, state.cheese[0])
    deltas = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(path)]
    move_of = {(0, -1): 0, (-1, 0): 1, (1, 0): 2, (0, 1): 3}
    return [ACTION_OF_MOVE[move_of[delta]] for delta in deltas]


class Expert:
    """Walks straight to the cheese in every maze; without cheese it stands still."""

    def __init__(self, env: MazeVectorEnv) -> None:
        self._env = env
        self._plans = [self._plan(state) for state in env.maze_states()]

    @staticmethod
    def _plan(state: MazeState) -> list[int]:
        return actions_to_cheese(state) if state.cheese else []

    def act(self):
        return np.array([plan.pop(0) if plan else 4 for plan in self._plans])

    def see(self, ended) -> None:
        if ended.any():
            states = self._env.maze_states()
            for row in np.flatnonzero(ended):
                self._plans[row] = self._plan(states[row])


def moves_to_root(tree):
    """The first move, as an index into `MOVES`, from each cell of a path tree to its root."""
    moves = np.full(tree.distance.shape, MOVES.index("NOOP"))
    for cell in zip(*np.nonzero(tree.distance > 0), strict=True):
        moves[cell] = MOVE_DELTAS.index(tuple((tree.parent[cell] - cell).tolist()))
    return moves
