"""How much an intervention changes a policy, and whether policy and critic agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chisel.analysis.maze.chain import MazeChain
from chisel.analysis.maze.fields import VectorField
from chisel.analysis.maze.solve import occupancy


def total_variation(before: VectorField, after: VectorField) -> NDArray[np.float64]:
    """Half the sum of absolute changes of the five moves, doing nothing included, `[n]` in 0…1.

    The share of the probability that went to other moves. (Public code takes a Frobenius norm over
    all squares instead, divided by their number, and leaves doing nothing out: ten times smaller,
    and smaller still the larger the maze.)

    Raises:
        ValueError: If the fields have other squares or face otherwise.
    """
    if not np.array_equal(before.cells, after.cells) or before.orientation != after.orientation:
        raise ValueError("the two fields are of different squares or face differently")
    return _variation(before.moves, after.moves)


def mean_total_variation(before: VectorField, after: VectorField) -> float:
    """The mean of `total_variation` over squares that end no episode (those without cheese)."""
    acting = [tuple(cell) not in before.state.cheese for cell in before.cells.tolist()]
    return float(total_variation(before, after)[acting].mean())


def visited_variation(before: MazeChain, after: MazeChain, *, steps: int | None = None) -> float:
    """Mean total variation, weighted by how often the policy before acts in each state.

    What an intervention changes at squares that are never visited counts for nothing.

    Args:
        before: The policy that is met.
        after: The same maze under an intervention.
        steps: Longest episode; None means without limit.

    Raises:
        ValueError: If the chains have other squares, or an episode may never end.
    """
    if not np.array_equal(before.cells, after.cells):
        raise ValueError("the two chains are of different squares")
    weight = occupancy(before, steps=steps)
    if not weight.sum():
        raise ValueError("the episode ends where it begins: nothing is ever done")
    return float((weight * _variation(before.moves, after.moves)).sum() / weight.sum())


@dataclass(frozen=True)
class Agreement:
    """Where the likeliest step is the one to the neighbour that the critic values most."""

    squares: NDArray[np.bool_]
    """Free squares `[n]` that count: no cheese on them, and more than one way to go."""
    agree: NDArray[np.bool_]
    """Whether policy and critic agree, `[n]`; False where a square does not count."""

    @property
    def share(self) -> float:
        """Of squares that count; nan if none does."""
        return float(self.agree[self.squares].mean()) if self.squares.any() else float("nan")


def value_agreement(chain: MazeChain, field: VectorField) -> Agreement:
    """Compare policy and critic of one field.

    A neighbour with cheese is the best one: the critic never learnt what lies behind the end of an
    episode. Doing nothing and running into walls are no steps. Dead ends don't count, because both
    could only agree there.

    Args:
        chain: The maze, for the way from square to square.
        field: Moves and values of a mouse that faces one way.
    """
    count = len(field.cells)
    there = chain.after[0] % count
    steps = there != np.arange(count)[:, None]
    worth = np.where(chain.ends, np.inf, field.values)[there]
    best = np.where(steps, worth, -np.inf).argmax(axis=1)
    likeliest = np.where(steps, field.moves, -1.0).argmax(axis=1)
    counts = ~chain.ends & (steps.sum(axis=1) > 1)
    return Agreement(counts, counts & (best == likeliest))


def _variation(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.abs(before - after).sum(axis=-1) / 2
    return found
