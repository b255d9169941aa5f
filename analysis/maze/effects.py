"""Measure how much an intervention changes a policy, and whether policy and critic agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.analysis.maze.chain import MazeChain
from chisel.analysis.maze.fields import VectorField
from chisel.analysis.maze.solve import occupancy


def total_variation(before: VectorField, after: VectorField) -> NDArray[np.float64]:
    """Return half the sum of absolute changes of the five moves at each square, `[n]` in 0…1.

    It is the share of the probability that went to other moves; doing nothing counts as a move.
    (Public code takes a Frobenius norm over all squares instead, divides it by their number, and
    leaves out doing nothing. That is ten times smaller, and even smaller for larger mazes.)

    Raises:
        ValueError: If the fields are of different squares, or face differently.
    """
    if not np.array_equal(before.cells, after.cells) or before.orientation != after.orientation:
        raise ValueError("the two fields are of different squares or face differently")
    return _variation(before.moves, after.moves)


def mean_total_variation(before: VectorField, after: VectorField) -> float:
    """Return the mean of `total_variation` over the squares without cheese."""
    acting = [tuple(cell) not in before.state.cheese for cell in before.cells.tolist()]
    return float(total_variation(before, after)[acting].mean())


def visited_variation(before: MazeChain, after: MazeChain, *, steps: int) -> float:
    """Return the mean total variation, weighted by how often `before` acts in each state.

    Changes at squares that are never visited have no effect.

    Args:
        before: A policy in a maze.
        after: The policy under an intervention, in the same maze.
        steps: Longest episode.

    Raises:
        ValueError: If the chains are of different squares, or an episode ends where it begins.
    """
    if not np.array_equal(before.cells, after.cells):
        raise ValueError("the two chains are of different squares")
    weight = occupancy(before, steps=steps)
    if not weight.sum():
        raise ValueError("the episode ends where it begins: nothing is ever done")
    return float((weight * _variation(before.moves, after.moves)).sum() / weight.sum())


def value_agreement(chain: MazeChain, field: VectorField) -> float:
    """Return the share of squares whose likeliest step leads to the neighbour of the highest value.

    A neighbour with cheese counts as the best one, because the critic never learnt the value of a
    square that ends the episode. Doing nothing and running into walls are no steps. Dead ends are
    left out, because policy and critic always agree there.

    Args:
        chain: The maze, which says where each move leads.
        field: Move probabilities and values of a mouse that faces one way.

    Returns:
        The share in 0…1; nan if no square counts.
    """
    count = len(field.cells)
    next_square = chain.after[0] % count
    steps = next_square != np.arange(count)[:, None]
    next_value = np.where(chain.ends, np.inf, field.values)[next_square]
    best = np.where(steps, next_value, -np.inf).argmax(axis=1)
    likeliest = np.where(steps, field.moves, -1.0).argmax(axis=1)
    counts = ~chain.ends & (steps.sum(axis=1) > 1)
    return float((best == likeliest)[counts].mean()) if counts.any() else float("nan")


def _variation(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.abs(before - after).sum(axis=-1) / 2
    return found
