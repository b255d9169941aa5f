"""procgen's textured look: 64×64 pictures of its own images, pixel for pixel.

Where the rectangles lie, and in which order they are drawn, `flat` says; premultiplied colors are
blended as Qt 5.9 does.
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
        ConfigError: An image file is missing or is not procgen's.
    """

    def __init__(self, look: Look, folder: Path) -> None:
        self._canvas = flat.canvas(look.world_dim, look.centred)
        self._textures = load_textures(look, folder)

    def draw(
        self,
        chosen: NDArray[np.intp],
        worlds: NDArray[np.uint8],
        mice: NDArray[np.int64],
        facing: NDArray[np.integer[Any]],
        backgrounds: NDArray[np.integer[Any]],
        images: NDArray[np.uint8],
    ) -> None:
        """See `flat.Painter.draw`."""
        known = len(self._textures.floors)
        if not ((backgrounds >= 0) & (backgrounds < known)).all():
            raise EnvironmentFault(f"a maze has a background other than 0…{known - 1}")
        seen = self._canvas
        places = (seen.cols, seen.rows, seen.lefts, seen.tops)
        turned, grounds = facing.astype(np.int64), backgrounds.astype(np.int64)
        scene = (turned, grounds, images, seen.centred, *places, self._textures)
        _draw(chosen, worlds, mice, *scene)

    def redraw(
        self,
        before: NDArray[np.int64],
        worlds: NDArray[np.uint8],
        mice: NDArray[np.int64],
        facing: NDArray[np.integer[Any]],
        backgrounds: NDArray[np.integer[Any]],
        images: NDArray[np.uint8],
    ) -> None:
        """See `flat.Painter.redraw`."""
        seen = self._canvas
        places = (seen.cols, seen.rows, seen.lefts, seen.tops)
        turned, grounds = facing.astype(np.int64), backgrounds.astype(np.int64)
        _redraw(worlds, before, mice, turned, grounds, images, *places, self._textures)


_painter = functools.cache(TexturedPainter)


def painter(look: Look, assets: str | None) -> flat.Painter:
    """Return what draws mazes of a look; it has no state.

    Args:
        look: Mode and visual options.
        assets: Folder of procgen's image files; None takes those of an installed procgen. The flat
            look needs none.

    Raises:
        ConfigError: The look needs image files, and there are none, or they are not procgen's.
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
    left: int,
    right: int,
    top: int,
    bottom: int,
) -> None:
    """Paint floor and cells into a part of an image; a cell drawn later lies above."""
    view_x, view_y = views
    beyond, wall = textures.beyond, textures.wall
    first_col, first_row = textures.floor_cols[view_x], textures.floor_rows[view_y]
    for y in range(top, bottom):
        row, alone = rows[view_y, y, 0], rows[view_y, y, 1] == flat.NO_CELL
        wall_y = wall.rows[view_y, row + beyond, y]
        for x in range(left, right):
            col = cols[view_x, x, 0]
            code = flat.code_at(world, row, col)
            wall_x = wall.cols[view_x, col + beyond, x]
            # The cell drawn last is mostly an opaque wall, or one that is free and alone.
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
def _draw_mouse(
    image: NDArray[np.uint8],
    views: tuple[int, int],
    cell: tuple[int, int],
    facing: int,
    box: tuple[int, int, int, int],
    textures: Textures,
) -> None:
    left, right, top, bottom = box
    place = (views[0], views[1], cell[1], cell[0])
    for y in range(top, bottom):
        for x in range(left, right):
            _blend(image, x, y, textures.mirrored if facing else textures.mouse, place)


@compiled
def _draw(
    chosen: NDArray[np.intp],
    worlds: NDArray[np.uint8],
    mice: NDArray[np.int64],
    facing: NDArray[np.int64],
    backgrounds: NDArray[np.int64],
    images: NDArray[np.uint8],
    centred: bool,
    cols: NDArray[np.int16],
    rows: NDArray[np.int16],
    lefts: NDArray[np.int16],
    tops: NDArray[np.int16],
    textures: Textures,
) -> None:
    """Draw whole games; see `flat.draw`."""
    last = -1
    for game in chosen:
        y, x = mice[game]
        views = (x, y) if centred else (0, 0)
        floor, image = textures.floors[backgrounds[game]], images[game]
        left, right, top, bottom = 0, PIXELS, 0, PIXELS
        alike = not centred and last >= 0 and backgrounds[last] == backgrounds[game]
        if alike and _same(worlds[last], worlds[game]):
            _copy(images[last].ravel(), image.ravel())
            left, right = lefts[0, mice[last, 1]]
            top, bottom = tops[0, mice[last, 0]]
        _paint(worlds[game], floor, image, views, cols, rows, textures, left, right, top, bottom)
        last = game
        left, right = lefts[views[0], x]
        top, bottom = tops[views[1], y]
        _draw_mouse(image, views, (y, x), facing[game], (left, right, top, bottom), textures)


@compiled
def _same(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Whether two worlds have the same cells; then only the mouse is drawn anew."""
    for row in range(len(one)):
        for col in range(len(one)):
            if one[row, col] != other[row, col]:
                return False
    return True


@compiled
def _copy(source: NDArray[np.uint8], into: NDArray[np.uint8]) -> None:
    for index in range(len(source)):  # one loop over bytes, which becomes a copy of memory
        into[index] = source[index]


@compiled
def _redraw(
    worlds: NDArray[np.uint8],
    before: NDArray[np.int64],
    mice: NDArray[np.int64],
    facing: NDArray[np.int64],
    backgrounds: NDArray[np.int64],
    images: NDArray[np.uint8],
    cols: NDArray[np.int16],
    rows: NDArray[np.int16],
    lefts: NDArray[np.int16],
    tops: NDArray[np.int16],
    textures: Textures,
) -> None:
    """Draw what changes in pictures that don't follow the mouse; see `flat.redraw`."""
    views = (0, 0)
    for game in range(len(mice)):
        floor, image = textures.floors[backgrounds[game]], images[game]
        for y, x in (before[game], mice[game]):
            left, right = lefts[0, x]
            top, bottom = tops[0, y]
            _paint(
                worlds[game], floor, image, views, cols, rows, textures, left, right, top, bottom
            )
        _draw_mouse(image, views, (y, x), facing[game], (left, right, top, bottom), textures)
