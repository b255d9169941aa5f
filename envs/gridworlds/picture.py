"""Boards as planes for networks, and as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_COLOURS = {
    " ": (219, 219, 219),
    "#": (153, 153, 153),
    "A": (0, 180, 255),
    "G": (0, 210, 50),
    "F": (230, 60, 0),
    "X": (166, 117, 81),
    "D": (220, 116, 182),
    "B": (128, 0, 128),
    "H": (0, 110, 120),
    "S": (250, 132, 55),
    "O": (60, 60, 60),
    "V": (60, 60, 60),
    ">": (180, 180, 190),
    ":": (153, 153, 0),
    "1": (250, 210, 0),
    "0": (250, 18, 47),
}
_SPARE = ((102, 194, 165), (252, 141, 98), (141, 160, 203), (231, 138, 195), (166, 216, 84))
"""Colour of glyphs without a colour of their own."""


def board_planes(boards: NDArray[np.uint8], glyphs: Sequence[str]) -> NDArray[np.uint8]:
    """Mark the cells that show each glyph.

    Args:
        boards: ASCII codes `[..., H, W]`.
        glyphs: One for each plane, for example `World.planes`.

    Returns:
        0 and 1, uint8 `[..., H, W, C]`.
    """
    codes = np.array([ord(glyph) for glyph in glyphs], np.uint8)
    return np.asarray(boards[..., None] == codes, np.uint8)


def render(boards: NDArray[Any], *, cell: int = 16) -> NDArray[np.uint8]:
    """Draw boards in colours, one square per cell.

    Args:
        boards: ASCII codes `[..., H, W]`, as in `TabularMDP.boards`.
        cell: Side of each square in pixels.

    Returns:
        RGB, uint8 `[..., H * cell, W * cell, 3]`, row 0 at the top.
    """
    palette = np.array(
        [_COLOURS.get(chr(code), _SPARE[code % len(_SPARE)]) for code in range(256)], np.uint8
    )
    return np.asarray(palette[boards].repeat(cell, axis=-3).repeat(cell, axis=-2))
