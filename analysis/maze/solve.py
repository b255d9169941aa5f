"""Compute exact probabilities and expectations of a chain: outcomes, occupancy, length, return.

All are for episodes of at most `steps` steps, and take as many products with the matrix. The limit
works like procgen's timeout: the step that reaches the goal may be the last one. Steps count from
the chain's start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from chisel.analysis.maze.chain import MazeChain
from chisel.envs.maze import Cell

REWARD = 10.0
"""procgen's reward for the cheese."""


def reach(chain: MazeChain, cells: Cell | Sequence[Cell], *, steps: int) -> float:
    """Return the probability that the mouse stands on one of these squares during the episode.

    Args:
        chain: A policy in a maze.
        cells: One square or several.
        steps: Longest episode.

    Raises:
        KeyError: If a square is a wall.
    """
    wanted = chain.states_of(_squares(chain, cells))
    stop = wanted | chain.states_of(chain.ends)
    found = wanted.astype(np.float64)
    going = _going(chain, stop)
    for _ in range(steps):
        found = np.where(stop, wanted, going @ found)
    # Rounding may give a little more than 1.
    return float(found.clip(0, 1)[chain.start])


@dataclass(frozen=True)
class Outcomes:
    """Probabilities of the outcomes of an episode that may pass through the corner and go on.

    `cheese_first`, `corner_first` and `neither` add up to 1.
    """

    cheese: float
    """Probability of reaching the cheese."""
    corner: float
    """Probability of standing in the corner at some time."""
    cheese_first: float
    """Probability of reaching the cheese without having been in the corner."""
    corner_first: float
    """Probability of being in the corner before the cheese, or without it."""
    neither: float
    """Probability of reaching neither."""


def outcomes(
    chain: MazeChain, cheese: Cell | Sequence[Cell], corner: Cell, *, steps: int
) -> Outcomes:
    """Compute which goals are reached, and which one first. Cheese in the corner counts as cheese.

    Args:
        chain: A policy in a maze.
        cheese: The cell or cells with cheese; an empty sequence if there is none.
        corner: The cell of the other goal.
        steps: Longest episode.
    """
    cells = _listed(cheese)
    either = reach(chain, [*cells, corner], steps=steps)
    # The cheese comes first if it is reached in a chain in which the corner ends episodes too.
    closed = replace(chain, ends=chain.ends | _squares(chain, corner))
    first = reach(closed, cells, steps=steps) if cells else 0.0
    return Outcomes(
        cheese=reach(chain, cells, steps=steps) if cells else 0.0,
        corner=reach(chain, corner, steps=steps),
        cheese_first=first,
        corner_first=either - first,
        neither=1 - either,
    )


def occupancy(chain: MazeChain, *, steps: int) -> NDArray[np.float64]:
    """Return the expected number of times that the mouse acts in each state, `[2, n]`.

    It is 0 at squares that end an episode. The sum over all states is the expected length.
    """
    stop = chain.states_of(chain.ends)
    now = np.zeros(len(stop))
    now[chain.start] = 0.0 if stop[chain.start] else 1.0
    forward = _going(chain, stop).T.tocsr()
    visits = np.zeros(len(stop))
    for _ in range(steps):
        visits += now
        now = np.where(stop, 0.0, forward @ now)
    return visits.reshape(2, -1)


def expected_length(chain: MazeChain, *, steps: int) -> float:
    """Return the expected number of steps of an episode."""
    return float(occupancy(chain, steps=steps).sum())


def expected_return(chain: MazeChain, *, gamma: float = 1.0, steps: int) -> float:
    """Return the expected return `E[γ^(T-1)] · 10` of an episode that ends at step T.

    Every square that ends an episode pays procgen's reward of 10.

    Args:
        chain: A policy in a maze.
        gamma: Discount, in 0…1.
        steps: Longest episode.

    Raises:
        ValueError: If the discount is not in 0…1.
    """
    if not 0 <= gamma <= 1:
        raise ValueError(f"gamma = {gamma}: a discount is in 0…1")
    stop = chain.states_of(chain.ends)
    if stop[chain.start]:
        return 0.0
    going = _going(chain, stop)
    pays = REWARD * (going @ stop.astype(np.float64))
    value = np.zeros(len(stop))
    for _ in range(steps):
        value = pays + gamma * np.where(stop, 0.0, going @ value)
    return float(value[chain.start])


def _going(chain: MazeChain, stop: NDArray[np.bool_]) -> sparse.csr_array:
    """Return transitions `[2n, 2n]` without those out of states in `stop`."""
    return sparse.csr_array(sparse.diags_array((~stop).astype(np.float64)) @ chain.matrix)


def _squares(chain: MazeChain, cells: Cell | Sequence[Cell]) -> NDArray[np.bool_]:
    squares = np.zeros(len(chain.cells), np.bool_)
    for cell in _listed(cells):
        squares[chain.at(cell)] = True
    return squares


def _listed(cells: Cell | Sequence[Cell]) -> list[Cell]:
    """Return one cell or several as a list of cells."""
    return [(int(row), int(col)) for row, col in np.reshape(cells, (-1, 2))]
