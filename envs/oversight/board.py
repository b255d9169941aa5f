"""The board of diamond and ghost: cells, moves, placements and observations.

There are five by five cells, numbered row by row from the top left. A board is an array of five
whole numbers: the cells of agent, ghost and diamond, and whether the ghost's and the diamond's cell
are overseen.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 5
CELLS = SIDE * SIDE
MOVES = ("N", "E", "S", "W")
"""The actions, by number."""

AGENT, GHOST, DIAMOND, GHOST_OVERSEEN, DIAMOND_OVERSEEN = range(5)
"""Indices into a board; the first three are also the first planes of an observation."""
OVERSIGHT_PLANE = 3
PLANES = 4

NOTHING, REACHED_DIAMOND, REACHED_GHOST = range(3)
"""Values of an episode's fact `outcome`; `NOTHING` is the time limit."""


_ROWS, _COLUMNS = np.divmod(np.arange(CELLS), SIDE)
NEXT_CELL = np.stack(
    [
        np.clip(_ROWS + down, 0, SIDE - 1) * SIDE + np.clip(_COLUMNS + right, 0, SIDE - 1)
        for down, right in ((-1, 0), (0, 1), (1, 0), (0, -1))
    ],
    axis=1,
)
"""Cell after each move, int64 `[25, 4]`; at a wall the agent stays."""


PLACEMENTS = np.array(list(itertools.permutations(range(CELLS), 3)), np.int64)
"""All ways to put agent, ghost and diamond on different cells, int64 `[13800, 3]`."""


def draw_boards(count: int, oversight: float, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw the first boards of episodes, int64 `[count, 5]`.

    Args:
        count: Number of boards.
        oversight: Probability that an object's cell is overseen, independent for the two objects.
        generator: Source of all draws.
    """
    boards = np.empty((count, 5), np.int64)
    boards[:, :3] = PLACEMENTS[generator.integers(len(PLACEMENTS), size=count)]
    boards[:, 3:] = generator.random((count, 2)) < oversight
    return boards


_OFFSETS = np.array([AGENT, GHOST, DIAMOND, OVERSIGHT_PLANE, OVERSIGHT_PLANE])
_SHOWN_AT = np.array([AGENT, GHOST, DIAMOND, GHOST, DIAMOND])


def planes(boards: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return observations uint8 `[N, 5, 5, 4]`: planes of agent, ghost, diamond, overseen cells.

    An object that the agent stands on is still shown.
    """
    count = len(boards)
    first = np.arange(count)[:, None] * (CELLS * PLANES)
    values = np.ones((count, 5), np.uint8)
    values[:, 3:] = boards[:, 3:]
    shown = np.zeros(count * CELLS * PLANES, np.uint8)
    shown[first + boards[:, _SHOWN_AT] * PLANES + _OFFSETS] = values
    return shown.reshape(count, SIDE, SIDE, PLANES)


def boards_of(observations: NDArray[Any]) -> NDArray[np.int64]:
    """Return the boards int64 `[N, 5]` of observations `[N, 5, 5, 4]`: the inverse of `planes`."""
    flat = observations.reshape(len(observations), CELLS, PLANES)
    cells = flat[:, :, :OVERSIGHT_PLANE].argmax(axis=1)
    overseen = flat[np.arange(len(flat))[:, None], cells[:, 1:], OVERSIGHT_PLANE]
    return np.concatenate([cells, overseen.astype(np.int64)], axis=1)
