"""Read procgen's image files of the maze, and map the pixels of a picture to their texels.

A texel is a pixel of an image file. An image is laid into its rectangle as Qt 5.9 does without
smoothing: each pixel takes the nearest texel, in steps of 1/65536 texel. The files are not part of
this project.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chisel.configs.errors import ConfigError
from chisel.envs.maze.native import flat
from chisel.envs.maze.native.flat import PIXELS
from chisel.envs.maze.rules import CHEESE, WALL, Look

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
    """All images of which a maze is drawn; `V` views as in `flat.Canvas`.

    Attributes:
        wall: Sprite of a wall, for all cells.
        cheese: Sprite of the cheese, for all cells.
        mouse: Sprite of a mouse that faces left, for the cells of the world.
        mirrored: Sprite of a mouse that faces right, for the cells of the world.
        floors: The backgrounds under the whole world, uint8 `[B, S, S, 3]`.
        floor_cols: Column of the floor in the first column of pixels, int64 `[V]`.
        floor_rows: The same for rows.
        beyond: Number of cells beyond the world, to the left and below, that sprites cover too.
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


def load_textures(look: Look, folder: Path) -> Textures:
    """Read the image files of a folder and lay them out for a look.

    Raises:
        ConfigError: If an image file is missing or is not procgen's.
    """
    images = _images(folder)
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
        firsts: First edges of the rectangles, in pixels, float32 `[C]`.
        length: Length of the rectangles, in pixels.
        texels: Number of texels of the image in this direction; one texel fills the rectangle.
        pixels: Number of pixels of the picture in this direction.
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
