"""Draw boards, with glyphs of our own.

Life is a disc, with a square hole if it cannot be destroyed; a tree is a triangle on a trunk. Walls
are dark blocks, crates have planks, spawners are stars. A cell with a cross preserves, one with a
bar inhibits, and ice does both. The agent is an arrowhead. An exit is a door, dark when closed and
bright when open. Goals are pale backgrounds of their colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from chisel.envs.safelife import cells

SIDE = 16
"""Side of a cell, in pixels."""
_Rgb = tuple[int, int, int]
_INK: tuple[_Rgb, ...] = (
    (110, 110, 110),
    (210, 45, 40),
    (40, 150, 60),
    (205, 160, 0),
    (45, 90, 215),
    (175, 60, 180),
    (0, 150, 170),
    (150, 150, 150),
)
"""Colours of glyphs, in the order of `cells.COLOR_NAMES`."""
_PAPER: tuple[_Rgb, ...] = (
    (250, 250, 248),
    (255, 214, 208),
    (212, 242, 214),
    (252, 240, 190),
    (205, 222, 255),
    (244, 214, 246),
    (204, 243, 246),
    (238, 238, 238),
)
_WALL, _PLANKS, _BOX, _TRUNK = (70, 72, 80), (135, 90, 50), (214, 172, 120), (110, 75, 45)
_ICE, _SIGN, _DOOR, _LIGHT = (160, 215, 240), (30, 30, 30), (55, 40, 35), (255, 205, 40)
_AGENT, _HALO = (20, 20, 25), (255, 255, 255)

_AXIS = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
_X, _Y = _AXIS[None, :], _AXIS[:, None]
_RADIUS = np.hypot(_X, _Y)
_EDGE = np.maximum(np.abs(_X), np.abs(_Y))
_Mask = NDArray[np.bool_]
_ARROW: _Mask = (_Y > -0.8) & (_Y < 0.7) & (np.abs(_X) < (_Y + 0.8) * 0.5)
_CROWN: _Mask = (_Y > -0.85) & (_Y < 0.5) & (np.abs(_X) < (_Y + 0.85) * 0.55)
_STEM: _Mask = (_Y >= 0.5) & (_Y < 0.85) & (np.abs(_X) < 0.2)
_STAR: _Mask = np.sqrt(np.abs(_X)) + np.sqrt(np.abs(_Y)) < 0.97
_BAR: _Mask = (np.abs(_Y) < 0.14) & (np.abs(_X) < 0.5)
_CROSS: _Mask = _BAR | _BAR.T
_DIAGONALS: _Mask = (np.abs(_X - _Y) < 0.16) | (np.abs(_X + _Y) < 0.16)
_HALOS, _DISC, _HOLE = _RADIUS < 0.9, _RADIUS < 0.68, _EDGE < 0.25
_BLOCK, _FRAME, _GRID = _EDGE < 0.9, (_EDGE < 0.9) & (_EDGE > 0.66), _EDGE > 1 - 1.5 / SIDE
_OPENING: _Mask = (np.abs(_X) < 0.5) & (_Y > -0.55)


def render(board: NDArray[np.uint16], goals: NDArray[np.uint16], facing: int) -> NDArray[np.uint8]:
    """Draw a board.

    Args:
        board: Cells `[H, W]`.
        goals: Goals of the board `[H, W]`.
        facing: Direction of the agent: 0 up, 1 right, 2 down, 3 left.

    Returns:
        RGB, `[16 H, 16 W, 3]`.
    """
    shades = (goals & cells.COLORS) >> cells.COLOR_SHIFT
    rows = [
        [
            _tile(int(cell) & ~(3 << cells.ORIENTATION_SHIFT), int(shade), int(facing) % 4)
            for cell, shade in zip(*line, strict=True)
        ]
        for line in zip(board, shades, strict=True)
    ]
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])


def side_by_side(pictures: Sequence[NDArray[np.uint8]], gap: int = SIDE) -> NDArray[np.uint8]:
    """Join pictures `[H, W, 3]` of one height into a row, with white gaps of `gap` pixels."""
    white = np.full((pictures[0].shape[0], gap, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (picture, white)]
    return np.concatenate(parts[:-1], axis=1)


class Greys:
    """Draws boards as small grey pictures, in which each cell is one pixel: its tile's mean luma.

    The grey of a cell is computed when the cell is first drawn, and kept.
    """

    _SHADE_SHIFT, _UNKNOWN = 16, -1
    _LUMA = (0.299, 0.587, 0.114)

    def __init__(self) -> None:
        self._known = np.full(1 << (self._SHADE_SHIFT + 3), self._UNKNOWN, np.int16)

    def __call__(self, boards: NDArray[np.uint16], goals: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Return pictures uint8 `[N, H, W]` of boards and their goals `[N, H, W]`.

        All agents face up.
        """
        turned = 3 << cells.ORIENTATION_SHIFT
        shades = (goals & cells.COLORS).astype(np.int64) >> cells.COLOR_SHIFT
        keys = (boards & ~np.uint16(turned)) + (shades << self._SHADE_SHIFT)
        greys = self._known[keys]
        if (greys == self._UNKNOWN).any():
            for key in np.unique(keys[greys == self._UNKNOWN]):
                tile = _tile(int(key) & 0xFFFF, int(key) >> self._SHADE_SHIFT, 0)
                self._known[key] = round(float((tile @ self._LUMA).mean()))
            greys = self._known[keys]
        return greys.astype(np.uint8)


@lru_cache(maxsize=4096)
def _tile(cell: int, shade: int, facing: int) -> NDArray[np.uint8]:
    tile = np.empty((SIDE, SIDE, 3), np.uint8)
    tile[:] = _PAPER[shade]
    tile[_GRID] = tile[_GRID] * 0.94
    ink = _INK[(cell & cells.COLORS) >> cells.COLOR_SHIFT]
    for mask, color in _glyph(cell, ink, facing):
        tile[mask] = color
    return tile


def _glyph(cell: int, ink: _Rgb, facing: int) -> list[tuple[_Mask, _Rgb]]:
    """Return the layers of a cell, lowest first."""
    if cell & cells.AGENT:
        return [(_HALOS, _HALO), (np.rot90(_ARROW, -facing), _AGENT)]
    if cell & cells.EXIT:
        is_open = cell & cells.RED
        return [(_BLOCK, _DOOR), (_OPENING, _LIGHT if is_open else _WALL)]
    layers: list[tuple[_Mask, _Rgb]] = []
    frozen, alive = cell & cells.FROZEN, cell & cells.ALIVE
    special = cell & (cells.FREEZING | cells.SPAWNING)
    if cell & cells.MOVABLE and cell & cells.FREEZING != cells.FREEZING:
        layers += [(_BLOCK, _BOX), (_FRAME, _PLANKS)]
        layers += [] if alive or special else [(_BLOCK & _DIAGONALS, _PLANKS)]
    elif frozen and not alive and not special:
        layers += [(_EDGE <= 1, _WALL)]
    if alive:
        layers += [(_CROWN, ink), (_STEM, _TRUNK)] if frozen else [(_DISC, ink)]
        layers += [] if frozen or cell & cells.DESTRUCTIBLE else [(_HOLE, _HALO)]
    if cell & cells.SPAWNING:
        layers += [(_HALOS, _WALL), (_STAR, ink)]
    return layers + _signs(cell)


def _signs(cell: int) -> list[tuple[_Mask, _Rgb]]:
    if cell & cells.FREEZING == cells.FREEZING:
        return [(_BLOCK, _ICE), (_FRAME, _HALO)]
    if cell & cells.PRESERVING:
        return [(_CROSS, _SIGN)]
    return [(_BAR, _SIGN)] if cell & cells.INHIBITING else []
