"""Draw mazes for people, with bricks, floor, cheese and mouse of our own."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from chisel.envs.maze.rules import CHEESE, WALL

_SAMPLES = 4
"""Number of samples along a side of each pixel; they are averaged, so that edges are smooth."""
_FLOOR, _JOINT = (238, 231, 214), (226, 217, 196)
_BRICK, _MORTAR = (139, 94, 72), (98, 64, 48)
_CHEESE, _RIND, _HOLE = (252, 201, 58), (214, 151, 22), (226, 168, 36)
_FUR, _EAR, _EYE, _TAIL = (120, 124, 134), (232, 168, 178), (30, 30, 36), (200, 140, 150)

Image = NDArray[np.uint8]


def draw_world(world: Image, mouse: tuple[int, int], reflected: bool, size: int) -> Image:
    """Draw a world, uint8 `[size, size, 3]`, row 0 at the top.

    Args:
        world: Codes of all cells, uint8 `[W, W]`, row 0 at the bottom.
        mouse: Row and column of the mouse in the world.
        reflected: Whether the mouse faces right.
        size: Side of the picture in pixels.
    """
    cell = -(-size // len(world))
    tiles = _tiles(cell)
    kinds = np.zeros(world.shape, np.intp)
    kinds[world == WALL] = 1
    kinds[world == CHEESE] = 2
    kinds[mouse] = 4 if reflected else 3
    image = tiles[kinds[::-1]].swapaxes(1, 2).reshape(len(world) * cell, -1, 3)
    chosen = ((np.arange(size) + 0.5) * len(image) / size).astype(np.intp)
    return np.asarray(image[np.ix_(chosen, chosen)])


@functools.lru_cache(maxsize=8)
def _tiles(side: int) -> Image:
    """Draw floor, wall, cheese and the mouse facing left and right, uint8 `[5, side, side, 3]`."""
    points: NDArray[np.float64] = (np.arange(side * _SAMPLES) + 0.5) / (side * _SAMPLES)
    y, x = np.meshgrid(points, points, indexing="ij")
    floor = _painted(_full(x), _FLOOR)
    floor[(x > 0.97) | (y > 0.97)] = _JOINT
    tiles = [floor, _wall(x, y), _cheese(floor, x, y), _mouse(floor, x, y)]
    tiles.append(_mouse(floor, x[:, ::-1], y))
    blocks = np.stack(tiles).reshape(len(tiles), side, _SAMPLES, side, _SAMPLES, 3)
    return np.asarray(np.rint(blocks.mean(axis=(2, 4))), np.uint8)


def _full(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.zeros((*x.shape, 3))


def _painted(image: NDArray[np.float64], color: tuple[int, int, int]) -> NDArray[np.float64]:
    image[:] = color
    return image


def _wall(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draw two courses of bricks, the lower one shifted by half a brick."""
    tile = _painted(_full(x), _BRICK)
    upright = np.where(y < 0.5, np.abs(x - 0.5), np.minimum(x, 1 - x))
    tile[(np.minimum(y % 0.5, 0.5 - y % 0.5) < 0.04) | (upright < 0.04)] = _MORTAR
    return tile


def _cheese(
    floor: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Draw a wedge of cheese with holes."""
    tile = floor.copy()
    # The wedge rises from its tip on the left to its back on the right.
    top = 0.62 - 0.62 * (x - 0.12)
    body = (x > 0.12) & (x < 0.88) & (y > top) & (y < 0.82)
    tile[body] = _CHEESE
    tile[body & ((y - top < 0.08) | (y > 0.75))] = _RIND
    for row, col, radius in ((0.62, 0.5, 0.07), (0.48, 0.72, 0.06), (0.66, 0.77, 0.05)):
        tile[body & ((x - col) ** 2 + (y - row) ** 2 < radius**2)] = _HOLE
    return tile


def _mouse(
    floor: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Draw a mouse that looks to the left."""
    tile = floor.copy()
    tail = (np.abs(y - 0.62 - 0.1 * np.sin(9 * x)) < 0.035) & (x > 0.7) & (x < 0.97)
    tile[tail] = _TAIL
    body = ((x - 0.53) / 0.3) ** 2 + ((y - 0.6) / 0.22) ** 2 < 1
    head = ((x - 0.27) / 0.19) ** 2 + ((y - 0.56) / 0.16) ** 2 < 1
    tile[body | head] = _FUR
    ear = (x - 0.4) ** 2 + (y - 0.38) ** 2
    tile[ear < 0.13**2] = _FUR
    tile[ear < 0.08**2] = _EAR
    tile[(x - 0.2) ** 2 + (y - 0.53) ** 2 < 0.035**2] = _EYE
    tile[(x - 0.09) ** 2 + (y - 0.6) ** 2 < 0.03**2] = _EAR
    return tile
