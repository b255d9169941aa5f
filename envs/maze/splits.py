"""Splits of levels into train, validation and test by a hash of the layout.

A split by seed would leak: small mazes repeat, and half of the layouts up to 9×9 in a held-out
range of seeds also occur in training. Cheese and background have no effect on the hash.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from chisel.envs.maze.rules import WALL
from chisel.envs.splits import Split, split_of_digest


def layout_digest(grid: NDArray[np.integer]) -> bytes:  # type: ignore[type-arg]  # any width of int
    """Return 16 bytes that identify the walls of an inner maze `[d, d]`, equal in every process."""
    walls = np.packbits(np.asarray(grid) == WALL).tobytes()
    return hashlib.blake2b(bytes([len(grid)]) + walls, digest_size=16).digest()


def layout_of(grid: NDArray[np.uint8]) -> int:
    """Return a number that identifies the walls of an inner maze `[d, d]`, equal in every process.

    It consists of the first 63 bits of the layout's digest, so that collisions are negligible.
    """
    return int.from_bytes(layout_digest(grid)[:8], "big") >> 1


def split_of(grid: NDArray[np.integer]) -> Split:  # type: ignore[type-arg]  # any width of int
    """Return the split of a layout: 80 % train, 10 % validation, 10 % test."""
    return split_of_digest(layout_digest(grid))
