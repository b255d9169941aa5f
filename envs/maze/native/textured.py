"""procgen's textured look: 64×64 pictures of its own images, pixel for pixel.

The module `flat` describes the positions of the rectangles and the order in which they are drawn.
Premultiplied colors are blended as Qt 5.9 does.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.configs import how_to_install
from chisel.configs.errors import ConfigError, EnvironmentFault
from chisel.envs.compiled import compiled
from chisel.envs.maze.native import flat
from chisel.envs.maze.native.flat import PIXELS
from chisel.envs.maze.native.textures import Sprite, Textures, folder_of, load_textures
from chisel.envs.maze.rules import CHEESE, FREE, WALL, Look


class TexturedPainter:
    """Draws mazes in a look that is not flat; see `flat.Painter`.

    Args:
        look: Mode and visual options.
        folder: Folder of the image files.

    Raises:
        ConfigError: If an image file is missing or is not procgen's.
    """

    def __init__(self, look: Look, folder: Path) -> None:
        self._canvas = flat.canvas(look.world_dim, look.centred)
        self._textures = load_textures(look, folder)

    def draw(
        self,
        chosen: NDArray[np.intp],
        worlds: NDArray[np.uint8],
        mice: NDArray[np.int64],
        backgrounds: NDArray[np.integer[Any]],
        scenes: NDArray[np.uint8],
    ) -> None:
        """See `flat.Painter.draw`."""
        known = len(self._textures.floors)
        if not ((backgrounds >= 0) & (backgrounds < known)).all():
            raise EnvironmentFault(f"a maze has a background other than 0…{known - 1}")
        seen, grounds = self._canvas, backgrounds.astype(np.int64)
        places = (seen.centred, seen.cols, seen.rows)
        _draw(chosen, worlds, mice, grounds, scenes, *places, self._textures)

    def draw_mice(
        self,
        mice: NDArray[np.int64],
        facing: NDArray[np.integer[Any]],
        images: NDArray[np.uint8],
    ) -> None:
        """See `flat.Painter.draw_mice`."""
        seen, turned = self._canvas, facing.astype(np.int64)
        _draw_mice(mice, turned, images, seen.centred, seen.lefts, seen.tops, self._textures)


_painter = functools.cache(TexturedPainter)


def painter(look: Look, assets: str | None) -> flat.Painter:
    """Return the painter of mazes of a look; it has no state.

    Args:
        look: Mode and visual options.
        assets: Folder of procgen's image files; None takes those of an installed procgen. The flat
            look needs none.

    Raises:
        ConfigError: If the look needs image files, and they are missing or are not procgen's.
    """
    if look.flat:
        return flat.FlatPainter(look.world_dim, look.centred)
    folder = folder_of(assets)
    if folder is None:
        raise ConfigError(
            "textured pixels of mazes need procgen's image files, and procgen is not installed: "
            f"{how_to_install('procgen')}, or set env.assets=FOLDER to a copy of the folder "
            "data/assets of its package"
        )
    return _painter(look, folder)


@compiled
def _paint(
    world: NDArray[np.uint8],
    floor: NDArray[np.uint8],
    image: NDArray[np.uint8],
    views: tuple[int, int],
    cols: NDArray[np.int16],
    rows: NDArray[np.int16],
    textures: Textures,
) -> None:
    """Paint floor and cells into an image; a cell drawn later lies above."""
    view_x, view_y = views
    beyond, wall = textures.beyond, textures.wall
    first_col, first_row = textures.floor_cols[view_x], textures.floor_rows[view_y]
    for y in range(PIXELS):
        row, alone = rows[view_y, y, 0], rows[view_y, y, 1] == flat.NO_CELL
        wall_y = wall.rows[view_y, row + beyond, y]
        for x in range(PIXELS):
            col = cols[view_x, x, 0]
            code = flat.code_at(world, row, col)
            wall_x = wall.cols[view_x, col + beyond, x]
            # In most pixels the cell that is drawn last is an opaque wall, or the only, free cell.
            if (
                code == WALL
                and wall_y >= 0
                and wall_x >= 0
                and wall.image[wall_y, wall_x, 3] == 255
            ):
                for channel in range(3):
                    image[y, x, channel] = wall.image[wall_y, wall_x, channel]
                continue
            _lay_floor(image, x, y, floor, first_col, first_row)
            if code != FREE or not alone or cols[view_x, x, 1] != flat.NO_CELL:
                _lay_cells(image, x, y, world, views, cols[view_x, x], rows[view_y, y], textures)


@compiled
def _lay_floor(
    image: NDArray[np.uint8], x: int, y: int, floor: NDArray[np.uint8], col: int, row: int
) -> None:
    """Paint one pixel of the floor, whose pixel (row, col) is the first of the image."""
    inside = 0 <= y + row < len(floor) and 0 <= x + col < len(floor)
    for channel in range(3):
        image[y, x, channel] = floor[y + row, x + col, channel] if inside else 0


@compiled
def _lay_cells(
    image: NDArray[np.uint8],
    x: int,
    y: int,
    world: NDArray[np.uint8],
    views: tuple[int, int],
    cols: NDArray[np.int16],
    rows: NDArray[np.int16],
    textures: Textures,
) -> None:
    """Lay all cells that cover one pixel over an image, in the order in which they are drawn."""
    for drawn in range(4):
        col, row = cols[1 - drawn // 2], rows[1 - drawn % 2]
        if col == flat.NO_CELL or row == flat.NO_CELL:
            continue
        code = flat.code_at(world, row, col)
        cell = (views[0], views[1], col + textures.beyond, row + textures.beyond)
        if code == WALL:
            _blend(image, x, y, textures.wall, cell)
        elif code == CHEESE:
            _blend(image, x, y, textures.cheese, cell)


@compiled
def _blend(
    image: NDArray[np.uint8], x: int, y: int, sprite: Sprite, cell: tuple[int, int, int, int]
) -> None:
    """Lay one pixel of a sprite over an image.

    Args:
        image: uint8 `[64, 64, 3]`.
        x: Column of the pixel.
        y: Its row.
        sprite: The sprite.
        cell: Views across and down; column and row of the cell that the sprite fills.
    """
    col, row = sprite.cols[cell[0], cell[2], x], sprite.rows[cell[1], cell[3], y]
    if col < 0 or row < 0:
        return
    through = 255 - sprite.image[row, col, 3]
    for channel in range(3):
        below = image[y, x, channel] * through
        color = sprite.image[row, col, channel]
        image[y, x, channel] = color + ((below + (below >> 8) + 128) >> 8)


@compiled
def _draw_mice(
    mice: NDArray[np.int64],
    facing: NDArray[np.int64],
    images: NDArray[np.uint8],
    centred: bool,
    lefts: NDArray[np.int16],
    tops: NDArray[np.int16],
    textures: Textures,
) -> None:
    """Draw the mice over the scenes; see `flat.Painter.draw_mice`."""
    for game in range(len(mice)):
        row, col = mice[game, 0], mice[game, 1]
        views = (col, row) if centred else (0, 0)
        sprite = textures.mirrored if facing[game] else textures.mouse
        cell = (views[0], views[1], col, row)
        for y in range(tops[views[1], row, 0], tops[views[1], row, 1]):
            for x in range(lefts[views[0], col, 0], lefts[views[0], col, 1]):
                _blend(images[game], x, y, sprite, cell)


@compiled
def _draw(
    chosen: NDArray[np.intp],
    worlds: NDArray[np.uint8],
    mice: NDArray[np.int64],
    backgrounds: NDArray[np.int64],
    scenes: NDArray[np.uint8],
    centred: bool,
    cols: NDArray[np.int16],
    rows: NDArray[np.int16],
    textures: Textures,
) -> None:
    """Draw games without their mice; see `flat.Painter.draw`."""
    last = -1
    for game in chosen:
        views = (mice[game, 1], mice[game, 0]) if centred else (0, 0)
        alike = not centred and last >= 0 and backgrounds[last] == backgrounds[game]
        if alike and _same(worlds[last], worlds[game]):
            _copy(scenes[last].ravel(), scenes[game].ravel())
        else:
            floor = textures.floors[backgrounds[game]]
            _paint(worlds[game], floor, scenes[game], views, cols, rows, textures)
        last = game


@compiled
def _same(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Return whether two worlds have the same cells."""
    for row in range(len(one)):
        for col in range(len(one)):
            if one[row, col] != other[row, col]:
                return False
    return True


@compiled
def _copy(source: NDArray[np.uint8], into: NDArray[np.uint8]) -> None:
    for index in range(len(source)):  # one loop over bytes, which becomes a copy of memory
        into[index] = source[index]
