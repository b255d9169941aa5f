"""Read and write mazes as text: `#` wall, `.` free, `C` cheese, `M` mouse; top row first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.configs.errors import ConfigError
from chisel.envs.maze.rules import CHEESE, FREE, WALL, Cell

_CODE_OF_GLYPH = {"#": WALL, ".": FREE, "C": CHEESE, "M": FREE}
_GLYPH_OF_CODE = {WALL: "#", FREE: ".", CHEESE: "C"}


def parse(text: str) -> tuple[NDArray[np.uint8], Cell]:
    """Read the codes of the cells and the cell of the mouse from a drawing.

    Blank lines around the drawing and spaces around each line are ignored.

    Returns:
        Codes, uint8 `[rows, columns]`, row 0 at the bottom; row and column of the mouse.

    Raises:
        ConfigError: If rows are unequal, a glyph is unknown, or there is not exactly one mouse.
    """
    lines = [line.strip() for line in text.strip().splitlines()]
    if not lines:
        raise ConfigError("the drawing of the maze is empty")
    for number, line in enumerate(lines, start=1):
        if len(line) != len(lines[0]):
            raise ConfigError(
                f"line {number} of the maze has {len(line)} cells, line 1 has {len(lines[0])}"
            )
        for glyph in line:
            if glyph not in _CODE_OF_GLYPH:
                raise ConfigError(
                    f"line {number} of the maze has {glyph!r}; known are # wall, . free, "
                    "C cheese and M mouse"
                )
    rows = lines[::-1]
    mice = [(r, c) for r, row in enumerate(rows) for c, glyph in enumerate(row) if glyph == "M"]
    if len(mice) != 1:
        raise ConfigError(f"the drawing of the maze has {len(mice)} mice (M); it needs one")
    codes = [[_CODE_OF_GLYPH[glyph] for glyph in row] for row in rows]
    return np.array(codes, np.uint8), mice[0]


def render(grid: NDArray[np.uint8], mouse: Cell) -> str:
    """Return the text that `parse` reads back. The mouse hides cheese or wall in its own cell."""
    rows = [[_GLYPH_OF_CODE[int(code)] for code in row] for row in grid]
    rows[mouse[0]][mouse[1]] = "M"
    return "\n".join("".join(row) for row in rows[::-1])
