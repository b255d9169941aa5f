"""procgen's textured look, drawn from its own image files: 64×64 pictures, pixel for pixel.

An image is laid into its rectangle as Qt 5.9 does without smoothing: it takes the nearest texel, in
steps of 1/65536 texel, and blends premultiplied colors. Where the rectangles lie, and in which
order they are drawn, `flat` says. The files are not part of this project.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chisel.configs import how_to_install
from chisel.configs.errors import ConfigError, EnvironmentFault
from chisel.envs.compiled import compiled
from chisel.envs.maze.boards import Boards
from chisel.envs.maze.native import flat
from chisel.envs.maze.native.flat import PIXELS
from chisel.envs.maze.rules import CHEESE, FREE, WALL, Look

_WALL = "kenney/Ground/Sand/sandCenter.png"
_CHEESE = "misc_assets/cheese.png"
_MOUSE = "kenney/Enemies/mouse_move.png"
_BACKGROUNDS = (
    "topdown_backgrounds/floortiles.png",
    *(f"topdown_backgrounds/backgrounddetailed{number}.png" for number in range(1, 9)),
)
FILES = (_WALL, _CHEESE, _MOUSE, *_BACKGROUNDS)
"""The image files of the maze, below procgen's folder `data/assets`."""
_ONE = 2**16
"""One texel in Qt's steps."""


class Sprite(NamedTuple):
    """An image, and which of its texels each pixel shows, for each view and cell.

    Attributes:
        image: Premultiplied colors and alpha, uint8 `[H, W, 4]`.
        cols: Column of the image in each column of pixels, int16 `[V, C, 64]`; -1 outside.
        rows: The same for rows.
    """

    image: NDArray[np.uint8]
    cols: NDArray[np.int16]
    rows: NDArray[np.int16]


class Textures(NamedTuple):
    """All that a maze is drawn of; `V` views as in `flat.Canvas`.

    Attributes:
        wall: In all cells.
        cheese: In all cells.
        mouse: Facing left, in cells of the world.
        mirrored: Facing right.
        floors: The backgrounds under the whole world, uint8 `[B, S, S, 3]`.
        floor_cols: Column of the floor in the first column of pixels, int64 `[V]`.
        floor_rows: The same for rows.
        beyond: Number of cells left of and below the world that have a place, too.
    """

    wall: Sprite
    cheese: Sprite
    mouse: Sprite
    mirrored: Sprite
    floors: NDArray[np.uint8]
    floor_cols: NDArray[np.int64]
    floor_rows: NDArray[np.int64]
    beyond: int


def folder_of(assets: str | None) -> Path | None:
    """Return the folder of the image files: `assets`, or that of an installed procgen, if any."""
    if assets is not None:
        return Path(assets)
    spec = importlib.util.find_spec("procgen")
    places = (spec.submodule_search_locations or []) if spec else []
    folders = [Path(place) / "data" / "assets" for place in places]
    return next((folder for folder in folders if (folder / _WALL).is_file()), None)


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
        self._textures = _textures(look, _images(folder))

    def draw(
        self,
        chosen: NDArray[np.intp],
        boards: Boards,
        facing: NDArray[np.int64],
        backgrounds: NDArray[np.int64],
        images: NDArray[np.uint8],
    ) -> None:
        """See `flat.Painter.draw`."""
        known = len(_BACKGROUNDS)
        if not ((backgrounds >= 0) & (backgrounds < known)).all():
            raise EnvironmentFault(f"a maze has a background other than 0…{known - 1}")
        seen = self._canvas
        places = (seen.cols, seen.rows, seen.lefts, seen.tops)
        mice, worlds = boards.mice_in_world, boards.worlds
        scene = (facing, backgrounds, images, seen.centred, *places, self._textures)
        _draw(chosen, worlds, mice, *scene)

    def redraw(
        self,
        before: NDArray[np.int64],
        boards: Boards,
        facing: NDArray[np.int64],
        backgrounds: NDArray[np.int64],
        images: NDArray[np.uint8],
    ) -> None:
        """See `flat.Painter.redraw`."""
        seen = self._canvas
        places = (seen.cols, seen.rows, seen.lefts, seen.tops)
        mice, worlds = boards.mice_in_world, boards.worlds
        _redraw(worlds, before, mice, facing, backgrounds, images, *places, self._textures)


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


@functools.cache
def _images(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """Read all image files, uint8 `[H, H, 4]`: red, green, blue, alpha."""
    images = {}
    for name in FILES:
        try:
            with Image.open(folder / name) as image:
                images[name] = np.asarray(image.convert("RGBA"))
        except OSError as error:
            raise ConfigError(
                f"{folder / name} is no image file: set env.assets=FOLDER to a copy of the folder "
                "data/assets of procgen's package"
            ) from error
        height, width = images[name].shape[:2]
        if height != width:
            raise ConfigError(f"{folder / name} is not procgen's: it has {width}×{height} pixels")
    return images


def _textures(look: Look, images: dict[str, NDArray[np.uint8]]) -> Textures:
    side, centred = look.world_dim, look.centred
    wall, cheese, mouse = (_premultiplied(images[name]) for name in (_WALL, _CHEESE, _MOUSE))
    if look.use_monochrome_assets:
        wall, cheese, mouse = (_plain(code) for code in (WALL, CHEESE, flat.MOUSE))
    cells = flat.edges(side, centred, flat.MARGIN)
    lefts, tops, length = flat.edges(side, centred, np.float32(0))
    beyond = (lefts.shape[1] - side) // 2
    inside = slice(beyond, beyond + side)
    places = lefts[:, inside], tops[:, inside], length
    lefts, tops = lefts[:, beyond], tops[:, beyond + side - 1]
    floors = [_floor(images[name], lefts[0], tops[0], length, side) for name in _BACKGROUNDS]
    return Textures(
        _sprite(wall, *cells),
        _sprite(cheese, *cells),
        _sprite(mouse, *places),
        _sprite(np.ascontiguousarray(mouse[:, ::-1]), *places),
        np.stack(floors) * np.uint8(look.use_backgrounds),
        -np.rint(lefts).astype(np.int64),
        -np.rint(tops).astype(np.int64),
        beyond,
    )


def _floor(
    image: NDArray[np.uint8], left: np.float32, top: np.float32, length: np.float32, side: int
) -> NDArray[np.uint8]:
    """Return a background in the size of the world, uint8 `[S, S, 3]`; it loses its alpha."""
    whole = np.float32(side) * length
    pixels = int(np.rint(whole))
    cols, rows = (
        _texels(np.array([first - np.rint(first)]), whole, len(image), pixels)[0]
        for first in (left, top)
    )
    return np.asarray(image[rows[:, None], cols, :3])


def _sprite(
    image: NDArray[np.uint8],
    lefts: NDArray[np.float32],
    tops: NDArray[np.float32],
    length: np.float32,
) -> Sprite:
    """Make a sprite, of the shown texels only: they stay in the processor's nearest cache."""
    cols, rows = (
        np.stack([_texels(of_view, length, len(image), PIXELS) for of_view in firsts])
        for firsts in (lefts, tops)
    )
    used_cols, used_rows = (np.unique(of_axis[of_axis >= 0]) for of_axis in (cols, rows))
    cols, rows = (
        np.where(of_axis < 0, -1, np.searchsorted(used, of_axis)).astype(np.int16)
        for of_axis, used in ((cols, used_cols), (rows, used_rows))
    )
    return Sprite(image[used_rows[:, None], used_cols], cols, rows)


def _texels(
    firsts: NDArray[np.float32], length: np.float32, texels: int, pixels: int
) -> NDArray[np.int16]:
    """Return which texel of an image each pixel shows, int16 `[C, pixels]`, -1 outside.

    Args:
        firsts: Where the rectangles begin, in pixels, float32 `[C]`.
        length: Their length.
        texels: Number of texels along it; a plain color of one texel fills it.
        pixels: Pixels of the picture along it.
    """
    shown = np.full((len(firsts), pixels), -1, np.int16)
    step = int(_ONE * (texels / float(length)))
    for row, first in zip(shown, firsts.tolist(), strict=True):
        ends = np.floor(np.array([first, first + float(length)]) + 0.5).astype(int)
        start, end = np.clip(ends, 0, pixels).tolist()
        begin = int(np.ceil((start + 0.5 - first) * step)) - 1
        # Rounding may lead one texel beyond the image: nothing is drawn there.
        taken = (begin + np.arange(end - start) * step) // _ONE
        row[start:end] = np.where(taken < texels, taken, -1) if texels > 1 else 0
    return shown


def _premultiplied(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    product = image.astype(np.int64) * image[..., 3:]
    colors = (product + (product >> 8) + 128) >> 8
    return np.asarray(np.concatenate([colors[..., :3], image[..., 3:]], axis=-1), np.uint8)


def _plain(code: int) -> NDArray[np.uint8]:
    return np.array([[[*flat.color_of(code), 255]]], np.uint8)


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
    for game in chosen:
        y, x = mice[game]
        views = (x, y) if centred else (0, 0)
        floor, image = textures.floors[backgrounds[game]], images[game]
        _paint(worlds[game], floor, image, views, cols, rows, textures, 0, PIXELS, 0, PIXELS)
        left, right = lefts[views[0], x]
        top, bottom = tops[views[1], y]
        _draw_mouse(image, views, (y, x), facing[game], (left, right, top, bottom), textures)


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
