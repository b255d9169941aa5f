"""Fences: walls along the edge of a region that life cannot grow across."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.safelife.generation.draws import Bits, permutation

Mask = NDArray[np.bool_]

_BIRTH = 3
"""Number of living neighbours with which a cell is born."""


@compiled
def fence(bits: Bits, inside: Mask) -> Mask:
    """Return walls `[H, W]` on the edge of a region, so that no cell can be born outside of it.

    The cells of the edge are taken in a random order. A cell becomes a wall if a cell around it,
    outside of the region, has three neighbours inside that are no walls. Then, again in a random
    order, a wall is removed if all cells around it would still have fewer than three.
    """
    height, width = inside.shape
    seen = np.zeros((height, width), np.int64)
    for y in range(height):
        for x in range(width):
            _add_around(seen, y, x, 1 if inside[y, x] else 0)
    edge = _places(inside & (seen < 9))
    seen *= ~inside
    walls = np.zeros((height, width), np.bool_)
    for number in permutation(bits, len(edge)):
        y, x = edge[number, 0], edge[number, 1]
        if _most_around(seen, y, x) >= _BIRTH:
            _add_around(seen, y, x, -1)
            walls[y, x] = True
    kept = _places(walls)
    for number in permutation(bits, len(kept)):
        y, x = kept[number, 0], kept[number, 1]
        if _most_around(seen, y, x) < _BIRTH - 1:
            _add_around(seen, y, x, 1)
            walls[y, x] = False
    return walls


@compiled
def _places(mask: Mask) -> NDArray[np.int64]:
    """Return rows and columns `[K, 2]` of the cells of a mask, in row-major order."""
    places = np.empty((mask.sum(), 2), np.int64)
    number = 0
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            if mask[y, x]:
                places[number, 0], places[number, 1] = y, x
                number += 1
    return places


@compiled
def _most_around(seen: NDArray[np.int64], y: int, x: int) -> int:
    height, width = seen.shape
    most = seen[y, x]
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            most = max(most, seen[(y + dy) % height, (x + dx) % width])
    return int(most)


@compiled
def _add_around(seen: NDArray[np.int64], y: int, x: int, change: int) -> None:
    height, width = seen.shape
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            seen[(y + dy) % height, (x + dx) % width] += change
