"""procgen's flat look: 64×64 pictures of plain rectangles, pixel for pixel.

procgen draws the cells column by column, each from the bottom up, then the mouse. A rectangle is a
little larger than its cell, so that at the edges the cell that is drawn last wins. Outside the
world everything is wall. All arithmetic is float32, as procgen's.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.maze.rules import CHEESE, FREE, WALL

PIXELS = 64
VISIBLE_IN_MEMORY = 8
"""Side in cells of the square around the mouse that is visible in the memory mode."""
MARGIN = np.float32(0.02)
"""Amount by which a rectangle is larger than its cell on each side, in cells."""
MOUSE = 0
"""procgen's code of the mouse."""
NO_CELL = -99


def color_of(code: int) -> tuple[int, int, int]:
    """Return procgen's plain color of a code: red, green, blue."""
    digits = np.unravel_index(29 * (code + 1) % 64, (4, 4, 4))
    red, green, blue = (64 * (int(digit) + 1) - 1 for digit in digits)
    return red, green, blue


_MOUSE_COLOR = np.array(color_of(MOUSE), np.uint8)
_COLORS = np.zeros((256, 3), np.uint8)
"""Colors by the code of a cell; black for codes that are not drawn."""
_COLORS[WALL], _COLORS[CHEESE] = color_of(WALL), color_of(CHEESE)


@dataclass(frozen=True, eq=False)
class Canvas:
    """The positions of a world's cells in the picture.

    There are `V` views: in the memory mode one for each cell of the mouse, else a single one.

    Attributes:
        centred: Whether the picture follows the mouse.
        cols: Columns of cells that a column of pixels shows, int16 `[V, 64, 2]`; the one drawn last
            comes first, then -99 if there is no other. Negative ones are outside the world.
        rows: The same for rows, row 0 at the top.
        lefts: First and one past the last column of pixels of a mouse, int16 `[V, W, 2]`.
        tops: The same for rows.
    """

    centred: bool
    cols: NDArray[np.int16]
    rows: NDArray[np.int16]
    lefts: NDArray[np.int16]
    tops: NDArray[np.int16]


@functools.cache
def canvas(world_dim: int, centred: bool) -> Canvas:
    """Compute the positions of the cells of a world with `world_dim` cells a side."""
    cells = _cells(world_dim, centred)

    def spans(margin: np.float32) -> tuple[list[NDArray[np.int16]], list[NDArray[np.int16]]]:
        """Return the columns and rows of pixels of the cells, for each view."""
        lefts, tops, length = edges(world_dim, centred, margin)
        return [_spans(left, length) for left in lefts], [_spans(top, length) for top in tops]

    across, down = spans(MARGIN)
    beyond = (len(cells) - world_dim) // 2
    inside = slice(beyond, beyond + world_dim)
    lefts, tops = (np.stack(of_mice)[:, inside] for of_mice in spans(np.float32(0)))
    return Canvas(
        centred,
        np.stack([_shown(cells, of_cells) for of_cells in across]),
        np.stack([_shown(cells, of_cells) for of_cells in down]),
        lefts,
        tops,
    )


def edges(
    world_dim: int, centred: bool, margin: np.float32
) -> tuple[NDArray[np.float32], NDArray[np.float32], np.float32]:
    """Return the edges of the rectangles of cells, in pixels.

    In the memory mode cells beyond the world have rectangles, too.

    Args:
        world_dim: Side of the world in cells.
        centred: Whether the picture follows the mouse.
        margin: Amount by which a rectangle is larger than its cell on each side, in cells.

    Returns:
        Left edges by columns of cells, float32 `[V, C]`; top edges by rows of cells, the bottom row
        first, `[V, C]`; and the length of the rectangles' sides.
    """
    visible = np.float32(VISIBLE_IN_MEMORY if centred else world_dim)
    unit = np.float32(PIXELS) / visible
    view = np.float32(PIXELS) / unit
    middles = np.arange(world_dim) + 0.5 if centred else np.array([world_dim / 2])
    offsets = (unit * (middles.astype(np.float32) - view / np.float32(2)))[:, None]
    cells = _cells(world_dim, centred).astype(np.float32)
    lefts = (cells - margin) * unit - offsets
    tops = (view - (cells + 1) - margin) * unit + offsets
    # NumPy 1 would take plain numbers to float64.
    return lefts, tops, (np.float32(1) + np.float32(2) * margin) * unit


def _cells(world_dim: int, centred: bool) -> NDArray[np.int64]:
    """Return the columns, or rows, of cells that a picture may show."""
    beyond = VISIBLE_IN_MEMORY if centred else 0
    return np.arange(-beyond, world_dim + beyond)


def _spans(first: NDArray[np.float32], length: np.float32) -> NDArray[np.int16]:
    """Return the pixels that rectangles cover, int16 `[W, 2]`, cut at the edges of the picture."""
    ends = np.stack([first, first + length], axis=-1)
    rounded = np.copysign(np.floor(np.abs(ends) + np.float32(0.5)), ends)
    return np.asarray(np.clip(rounded, 0, PIXELS), np.int16)


def _shown(cells: NDArray[np.int64], spans: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return which cells cover each pixel, int16 `[64, 2]`, the last one first."""
    shown = np.full((PIXELS, 2), NO_CELL, np.int16)
    for cell, (first, last) in zip(cells.tolist(), spans.tolist(), strict=True):
        shown[first:last, 1] = shown[first:last, 0]
        shown[first:last, 0] = cell
    return shown


@compiled
def _paint(
    world: NDArray[np.uint8],
    image: NDArray[np.uint8],
    cols: NDArray[np.int16],
    rows: NDArray[np.int16],
) -> None:
    """Paint the cells into an image; most rows of pixels are copies of the one above."""
    lines = image.reshape(PIXELS, 3 * PIXELS)
    for y in range(PIXELS):
        row, other_row = rows[y, 0], rows[y, 1]
        if y > 0 and row == rows[y - 1, 0] and other_row == rows[y - 1, 1]:
            for byte in range(3 * PIXELS):
                lines[y, byte] = lines[y - 1, byte]
            continue
        for x in range(PIXELS):
            col, other_col = cols[x, 0], cols[x, 1]
            code = code_at(world, row, col)
            if code == FREE and other_row != NO_CELL:
                code = code_at(world, other_row, col)
            if code == FREE and other_col != NO_CELL:
                code = code_at(world, row, other_col)
                if code == FREE and other_row != NO_CELL:
                    code = code_at(world, other_row, other_col)
            for channel in range(3):
                lines[y, 3 * x + channel] = _COLORS[code, channel]


@compiled
def code_at(world: NDArray[np.uint8], row: int, col: int) -> int:
    """Return the code of a cell; outside the world everything is wall."""
    inside = 0 <= col < len(world) and 0 <= row < len(world)
    return world[row, col] if inside else WALL


@compiled
def _draw(
    chosen: NDArray[np.intp],
    worlds: NDArray[np.uint8],
    mice: NDArray[np.int64],
    scenes: NDArray[np.uint8],
    centred: bool,
    cols: NDArray[np.int16],
    rows: NDArray[np.int16],
) -> None:
    """Draw the cells of games; see `Painter.draw`, and `Canvas` for the rest."""
    for game in chosen:
        view_y, view_x = (mice[game, 0], mice[game, 1]) if centred else (0, 0)
        _paint(worlds[game], scenes[game], cols[view_x], rows[view_y])


@compiled
def _draw_mice(
    mice: NDArray[np.int64],
    images: NDArray[np.uint8],
    centred: bool,
    lefts: NDArray[np.int16],
    tops: NDArray[np.int16],
) -> None:
    """Draw the mice over the cells; see `Painter.draw_mice`, and `Canvas` for the rest."""
    for game in range(len(mice)):
        y, x = mice[game, 0], mice[game, 1]
        view_y, view_x = (y, x) if centred else (0, 0)
        for row in range(tops[view_y, y, 0], tops[view_y, y, 1]):
            for col in range(lefts[view_x, x, 0], lefts[view_x, x, 1]):
                for channel in range(3):
                    images[game, row, col, channel] = _MOUSE_COLOR[channel]


class Painter(Protocol):
    """Draws mazes in one look: all but the mice, which change in every step, and the mice."""

    def draw(
        self,
        chosen: NDArray[np.intp],
        worlds: NDArray[np.uint8],
        mice: NDArray[np.int64],
        backgrounds: NDArray[np.integer[Any]],
        scenes: NDArray[np.uint8],
    ) -> None:
        """Draw games without their mice.

        Args:
            chosen: Games to draw, int `[n]`.
            worlds: Codes of all cells, uint8 `[N, W, W]`.
            mice: Row and column of each mouse in the world, int64 `[N, 2]`; pictures may follow
                them.
            backgrounds: Number of each game's background, int `[N]`.
            scenes: uint8 `[N, 64, 64, 3]`; those of the chosen games are overwritten.
        """

    def draw_mice(
        self,
        mice: NDArray[np.int64],
        facing: NDArray[np.integer[Any]],
        images: NDArray[np.uint8],
    ) -> None:
        """Draw the mice of all games over their scenes.

        Args:
            mice: Row and column of each mouse in the world, int64 `[N, 2]`.
            facing: 1 where the mouse faces right, else 0, int `[N]`.
            images: The scenes, uint8 `[N, 64, 64, 3]`.
        """


class FlatPainter:
    """Draws mazes in the flat look; see `Painter`.

    Args:
        world_dim: Side of the world in cells.
        centred: Whether the picture follows the mouse.
    """

    def __init__(self, world_dim: int, centred: bool) -> None:
        self._canvas = canvas(world_dim, centred)

    def draw(
        self,
        chosen: NDArray[np.intp],
        worlds: NDArray[np.uint8],
        mice: NDArray[np.int64],
        backgrounds: NDArray[np.integer[Any]],
        scenes: NDArray[np.uint8],
    ) -> None:
        """See `Painter.draw`."""
        seen = self._canvas
        _draw(chosen, worlds, mice, scenes, seen.centred, seen.cols, seen.rows)

    def draw_mice(
        self,
        mice: NDArray[np.int64],
        facing: NDArray[np.integer[Any]],
        images: NDArray[np.uint8],
    ) -> None:
        """See `Painter.draw_mice`; a mouse looks the same whichever way it faces."""
        seen = self._canvas
        _draw_mice(mice, images, seen.centred, seen.lefts, seen.tops)
