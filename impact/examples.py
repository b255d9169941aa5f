"""Small worlds of the literature with a known POWER, as next states `[S, A]`."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

FIGURE_1_STATES = ("★", "∅", "ℓ◁", "ℓ↖", "ℓ↙", "r▷", "r↗", "r↘")
STAR, NOTHING, LEFT, TOP_LEFT, BOTTOM_LEFT, RIGHT, TOP_RIGHT, BOTTOM_RIGHT = range(8)

START, CANDY, WAIT, CHOCOLATE, HUG = range(5)

STAY = 4
"""The action of an open grid that stays in its cell."""

_MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1), (0, 0))


def figure_1() -> NDArray[np.int64]:
    """Build the MDP of figure 1 of Turner et al. (2021), `[8, 3]`; states as in `FIGURE_1_STATES`.

    The actions of the star lead to ∅, to the left and to the right.
    """
    return np.array(
        [
            [NOTHING, LEFT, RIGHT],
            [NOTHING, NOTHING, NOTHING],
            [TOP_LEFT, BOTTOM_LEFT, BOTTOM_LEFT],
            [BOTTOM_LEFT, BOTTOM_LEFT, BOTTOM_LEFT],
            [TOP_LEFT, BOTTOM_LEFT, BOTTOM_LEFT],
            [TOP_RIGHT, BOTTOM_RIGHT, BOTTOM_RIGHT],
            [TOP_RIGHT, BOTTOM_RIGHT, BOTTOM_RIGHT],
            [TOP_RIGHT, BOTTOM_RIGHT, BOTTOM_RIGHT],
        ]
    )


def wait_world() -> NDArray[np.int64]:
    """Build an MDP `[5, 2]` with a choice between candy now, and chocolate or a hug after waiting.

    Candy, chocolate and hug are terminal states.
    """
    return np.array(
        [[CANDY, WAIT], [CANDY] * 2, [CHOCOLATE, HUG], [CHOCOLATE] * 2, [HUG] * 2],
    )


def open_grid(side: int) -> NDArray[np.int64]:
    """Build an empty square `[side * side, 5]`, whose states are its cells row by row.

    The actions are up, down, left, right and stay.
    """
    cells = np.array(list(itertools.product(range(side), repeat=2)))
    ahead = np.clip(cells[:, None] + np.array(_MOVES), 0, side - 1)
    return np.asarray(ahead @ np.array([side, 1]))
