"""Small worlds of the literature whose POWER is known in closed form: next states `[S, A]`."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

FIGURE_1_STATES = ("★", "∅", "ℓ◁", "ℓ↖", "ℓ↙", "r▷", "r↗", "r↘")
STAR, NOTHING, LEFT, TOP_LEFT, BOTTOM_LEFT, RIGHT, TOP_RIGHT, BOTTOM_RIGHT = range(8)

WAIT_STATES = ("start", "candy", "wait", "chocolate", "hug")
START, CANDY, WAIT, CHOCOLATE, HUG = range(5)

STAY = 4
"""The action of an open grid that leads nowhere."""

_MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1), (0, 0))


def figure_1() -> NDArray[np.int64]:
    """Figure 1 of Turner et al. (2021); the star's actions lead to ∅, to the left, to the right."""
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
    """Candy at once, or wait and then choose between chocolate and a hug; all three are ends."""
    return np.array(
        [[CANDY, WAIT], [CANDY] * 2, [CHOCOLATE, HUG], [CHOCOLATE] * 2, [HUG] * 2],
    )


def open_grid(side: int) -> NDArray[np.int64]:
    """An empty square, `[side * side, 5]`: up, down, left, right, stay; row by row."""
    cells = np.array(list(itertools.product(range(side), repeat=2)))
    ahead = np.clip(cells[:, None] + np.array(_MOVES), 0, side - 1)
    return np.asarray(ahead @ np.array([side, 1]))
