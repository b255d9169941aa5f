"""Train, validation and test levels, told apart by a hash of the layout.

Splitting by seed would leak: small mazes repeat, and half of the layouts up to 9×9 in a held-out
range of seeds also occur in training. Cheese and background play no part in the hash.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chisel.envs.maze.rules import WALL

Split = Literal["train", "validation", "test"]
_TRAIN: tuple[Split, ...] = ("train",) * 8
_OF_REMAINDER: tuple[Split, ...] = (*_TRAIN, "validation", "test")


def layout_digest(grid: NDArray[np.integer]) -> bytes:  # type: ignore[type-arg]  # any width of int
    """16 bytes that name the walls of an inner maze `[d, d]`, the same in every process."""
    walls = np.packbits(np.asarray(grid) == WALL).tobytes()
    return hashlib.blake2b(bytes([len(grid)]) + walls, digest_size=16).digest()


def layout_of(grid: NDArray[np.uint8]) -> int:
    """A number that names the walls of an inner maze `[d, d]`, the same in every process.

    Numbers have the order of the layouts' digests, and 63 bits: as good as free of collisions.
    """
    return int.from_bytes(layout_digest(grid)[:8], "big") >> 1


def split_of(grid: NDArray[np.integer]) -> Split:  # type: ignore[type-arg]  # any width of int
    """The split a layout belongs to: 80 % train, 10 % validation, 10 % test."""
    return _OF_REMAINDER[int.from_bytes(layout_digest(grid)[:8], "little") % 10]
