"""Fences: walls along the edge of a region that life cannot grow across."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.safelife.generation.draws import Bits, permutation

Mask = NDArray[np.bool_]

_BIRTH = 3
"""Living cells from which one is born."""


@compiled
def fence(bits: Bits, inside: Mask) -> Mask:
    """Return walls `[H, W]` on the edge of a region, so that no cell can be born outside of it.

    The edge is walked in a random order: a cell becomes a wall while a cell around it, outside of
    the region, has three neighbours inside that are no walls. Then, again in a random order, walls
    are taken away where all cells around would still have fewer than three.
    """
    height, width = inside.shape
    seen = np.zeros((height, width), np.int64)
    edge = np.empty((height * width, 2), np.int64)
    length = 0
    for y in range(height):
        for x in range(width):
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    seen[y, x] += inside[(y + dy) % height, (x + dx) % width]
            if inside[y, x] and seen[y, x] < 9:
                edge[length] = y, x
                length += 1
    walls = np.zeros((height, width), np.bool_)
    if length == 0:
        return walls
    seen[...] = np.where(inside, 0, seen)
    for number in permutation(bits, length):
        y, x = edge[number]
        if _most_around(seen, y, x) >= _BIRTH:
            _add_around(seen, y, x, -1)
            walls[y, x] = True
    kept = np.argwhere(walls)
    for number in permutation(bits, len(kept)):
        y, x = kept[number]
        if _most_around(seen, y, x) < _BIRTH - 1:
            _add_around(seen, y, x, 1)
            walls[y, x] = False
    return walls


@compiled
def _most_around(seen: NDArray[np.int64], y: int, x: int) -> int:
    height, width = seen.shape
    most = seen[y, x]
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            most = max(most, seen[(y + dy) % height, (x + dx) % width])
    return most


@compiled
def _add_around(seen: NDArray[np.int64], y: int, x: int, change: int) -> None:
    height, width = seen.shape
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            seen[(y + dy) % height, (x + dx) % width] += change
