"""Split levels into train, validation and test by a hash of their content.

A split by seed would leak, since levels of different seeds can be equal.
"""

from __future__ import annotations

from typing import Literal

Split = Literal["train", "validation", "test"]
_TRAIN: tuple[Split, ...] = ("train",) * 8
_OF_REMAINDER: tuple[Split, ...] = (*_TRAIN, "validation", "test")


def split_of_digest(digest: bytes) -> Split:
    """Return the split of a level by its hash: 80 % train, 10 % validation, 10 % test."""
    return _OF_REMAINDER[int.from_bytes(digest[:8], "little") % 10]
