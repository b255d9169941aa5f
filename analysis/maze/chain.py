"""Describe a policy in one maze as a Markov chain over squares and the side the mouse faces."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from chisel.analysis.maze.fields import Observe, Outputs, VectorField, row_of, vector_field
from chisel.envs.maze import MOVE_DELTAS, MOVES, Cell

LEFT, RIGHT = 0, 1
"""Sides that the mouse faces, in the order of the first axis of arrays over states."""


@dataclass(frozen=True, eq=False)
class MazeChain:
    """A Markov chain whose states are pairs of orientation and square, `2 × n` of them.

    In flat arrays, orientation `o` and square `s` are state `o * n + s`. A move goes to the next
    square if that is free; otherwise the mouse stays. A move to the left or right turns the mouse,
    even against a wall.
    """

    cells: NDArray[np.int64]
    """Row and column of each free square, `[n, 2]`."""
    moves: NDArray[np.float64]
    """Probabilities of LEFT, DOWN, UP, RIGHT and NOOP in each state, `[2, n, 5]`."""
    after: NDArray[np.int64]
    """The flat state that each move leads to, `[2, n, 5]`."""
    ends: NDArray[np.bool_]
    """Squares where an episode ends, `[n]`."""
    start: int
    """The flat state in which an episode begins."""

    def at(self, cell: Cell) -> int:
        """Return the index of a square.

        Raises:
            KeyError: If the square is a wall.
        """
        return row_of(self.cells, cell)

    @functools.cached_property
    def matrix(self) -> Any:
        """Return transition probabilities, sparse `[2n, 2n]`, as if no square ended an episode."""
        states = 2 * len(self.cells)
        rows = np.repeat(np.arange(states), len(MOVES))
        entries = self.moves.ravel(), (rows, self.after.ravel())
        return sparse.csr_array(entries, shape=(states, states))

    def states_of(self, squares: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return whether each flat state `[2n]` is on one of some squares `[n]`."""
        return np.tile(squares, 2)


def fields_of(policy: Outputs, state: Any, observe: Observe) -> tuple[VectorField, VectorField]:
    """Return the two fields of a maze, of a mouse that faces left and of one that faces right."""
    left, right = (
        vector_field(policy, state, observe, orientation=side) for side in ("left", "right")
    )
    return left, right


def chain_of(
    left: VectorField, right: VectorField, *, ends: Iterable[Cell] | None = None
) -> MazeChain:
    """Make the chain of a policy from its two fields in a maze.

    The chain starts at the mouse of the fields' state.

    Args:
        left: The field of a mouse that faces left.
        right: The field of the same maze with a mouse that faces right.
        ends: Squares that end an episode; None means those with cheese.

    Raises:
        ValueError: If the fields are of different mazes, or do not face left and right.
        KeyError: If a square of `ends` is a wall.
    """
    if (left.orientation, right.orientation) != ("left", "right"):
        raise ValueError(
            f"a chain needs a field that faces left and one that faces right, not "
            f"{left.orientation} and {right.orientation}"
        )
    state = left.state
    if not np.array_equal(state.grid, right.state.grid) or state.mouse != right.state.mouse:
        raise ValueError("the two fields are of different mazes")
    count, number = len(left.cells), np.full(state.open.shape, -1)
    number[left.cells[:, 0], left.cells[:, 1]] = np.arange(count)
    after = np.empty((2, count, len(MOVES)), np.int64)
    padded = np.pad(number, 1, constant_values=-1)
    for move, (row, col) in enumerate(MOVE_DELTAS):
        neighbour = padded[left.cells[:, 0] + 1 + row, left.cells[:, 1] + 1 + col]
        square = np.where(neighbour < 0, np.arange(count), neighbour)
        for facing in (LEFT, RIGHT):
            turned = {"LEFT": LEFT, "RIGHT": RIGHT}.get(MOVES[move], facing)
            after[facing, :, move] = turned * count + square
    ending = np.zeros(count, np.bool_)
    for cell in state.cheese if ends is None else ends:
        ending[left.at(cell)] = True
    return MazeChain(
        cells=left.cells,
        moves=np.stack([left.moves, right.moves]),
        after=after,
        ends=ending,
        start=(RIGHT if state.is_reflected else LEFT) * count + left.at(state.mouse),
    )
