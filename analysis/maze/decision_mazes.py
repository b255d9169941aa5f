"""Mazes at their decision square, where the paths to the cheese and to the corner part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chisel.configs import ConfigError
from chisel.envs.maze import MOVE_DELTAS, Cell, MazeState, paths

CHOICES = ("cheese", "corner", "neither")
"""Names of the mouse's choices on a decision square."""


@dataclass(frozen=True)
class DecisionMazes:
    """`n` mazes, each of which has a decision square."""

    starts: tuple[MazeState, ...]
    """The mazes with the mouse at its start."""
    states: tuple[MazeState, ...]
    """The mazes with the mouse on the decision square, facing as in `starts`."""
    squares: tuple[Cell, ...]
    """Row and column of each decision square."""
    to_cheese: NDArray[np.int64]
    """Index into `MOVES` of the first step to the cheese, `[n]`."""
    to_corner: NDArray[np.int64]
    """Index into `MOVES` of the first step to the top-right corner, `[n]`."""

    def __len__(self) -> int:
        """Return the number of mazes."""
        return len(self.starts)

    def choices(self, moves: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return P(cheese), P(corner), P(neither) `[n, 3]` from move probabilities `[n, 5]`."""
        rows = np.arange(len(self))
        cheese, corner = moves[rows, self.to_cheese], moves[rows, self.to_corner]
        neither = np.maximum(
            moves.sum(1) - cheese - corner, 0
        )  # rounding may give a little less than 0
        return np.stack([cheese, corner, neither], axis=1)


def decision_mazes(states: Sequence[MazeState]) -> DecisionMazes:
    """Find the decision square of each maze.

    Args:
        states: Mazes with one cheese, the mouse at its start; not changed.

    Raises:
        ConfigError: If a maze has not exactly one cheese, or no decision square.
    """
    squares, moved, first_moves = [], [], []
    for state in states:
        square, steps = _decision(state)
        copy = state.copy()
        copy.set_mouse(*square)
        squares.append(square)
        moved.append(copy)
        first_moves.append(steps)
    to_cheese, to_corner = np.array(first_moves, np.int64).reshape(-1, 2).T
    return DecisionMazes(
        tuple(one.copy() for one in states), tuple(moved), tuple(squares), to_cheese, to_corner
    )


def only_cheese(maze: MazeState) -> Cell:
    """Return the cell of a maze's cheese.

    Raises:
        ConfigError: If it has none, or several.
    """
    if len(maze.cheese) != 1:
        raise ConfigError(
            f"maze {maze.level_seed} has {len(maze.cheese)} cheeses, but one is needed"
        )
    return maze.cheese[0]


def move_between(here: Cell, there: Cell) -> int:
    """Return the index into `MOVES` of the move from a cell to one beside it, or to itself."""
    return MOVE_DELTAS.index((there[0] - here[0], there[1] - here[1]))


def _decision(state: MazeState) -> tuple[Cell, tuple[int, int]]:
    """Return the decision square, and the moves from it to the cheese and to the corner."""
    cheese, corner = only_cheese(state), (state.maze_dim - 1, state.maze_dim - 1)
    square = paths.decision_square(state.open, state.mouse, cheese, corner)
    if square is None:
        raise ConfigError(
            f"maze {state.level_seed} has no decision square: the ways to cheese and corner do not "
            "part"
        )
    tree = paths.path_tree(state.open, square)
    first, second = (move_between(square, tree.path_to(goal)[1]) for goal in (cheese, corner))
    return square, (first, second)
