"""Observations of mazes: the engine's pixels, or planes of walls, mouse and cheese."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from chisel.configs.errors import ConfigError
from chisel.envs.compiled import compiled
from chisel.envs.maze.boards import Boards
from chisel.envs.maze.engine import Engine
from chisel.envs.maze.rules import CHEESE, WALL
from chisel.envs.maze.state import MazeState

WALL_PLANE, MOUSE_PLANE, CHEESE_PLANE = 0, 1, 2
PIXELS = 64


class View(Protocol):
    """Turns games into observations."""

    @property
    def space(self) -> spaces.Space[Any]:
        """Space of one observation `[H, W, C]`."""

    def begin(self, rows: NDArray[np.intp], boards: Boards) -> None:
        """Follow these games from new boards on."""

    def move(self, boards: Boards) -> None:
        """Follow one step of every game; only the mice have moved."""

    def read(self) -> NDArray[Any]:
        """Return observations `[N, H, W, C]`, a fresh copy."""


class PixelView:
    """procgen's own 64×64 image, row 0 at the top."""

    def __init__(self, engine: Engine) -> None:
        self.space: spaces.Space[Any] = spaces.Box(0, 255, (PIXELS, PIXELS, 3), np.uint8)
        self._engine = engine

    def begin(self, rows: NDArray[np.intp], boards: Boards) -> None:
        """Do nothing: the engine draws."""

    def move(self, boards: Boards) -> None:
        """Do nothing: the engine draws."""

    def read(self) -> NDArray[np.uint8]:
        """See `View.read`."""
        return self._engine.pixels


class SymbolicView:
    """The middle of the world as planes of 0 and 1, row 0 at the top.

    Args:
        num: Number of games.
        max_size: Largest inner maze, and the side of the view.
        dtype: uint8 or float32; the values are the same.
    """

    def __init__(self, num: int, max_size: int, dtype: type[np.uint8] | type[np.float32]) -> None:
        self.space: spaces.Space[Any] = spaces.Box(0, 1, (max_size, max_size, 3), dtype)
        self._planes = np.zeros((num, max_size, max_size, 3), dtype)
        self._mice = np.zeros((num, 2), np.int64)

    def begin(self, rows: NDArray[np.intp], boards: Boards) -> None:
        """See `View.begin`.

        Raises:
            ConfigError: If a maze is larger than the view.
        """
        _draw_fitting(rows, boards, self._planes)
        self._mice[rows] = boards.mice[rows]

    def move(self, boards: Boards) -> None:
        """See `View.move`."""
        _move_mice(boards.sizes, self._mice, boards.mice, self._planes)

    def read(self) -> NDArray[Any]:
        """See `View.read`."""
        return self._planes.copy()


def symbolic_batch(states: Sequence[MazeState], max_size: int) -> NDArray[np.uint8]:
    """Return what `SymbolicView` shows of many states, uint8 `[N, max_size, max_size, 3]`.

    Raises:
        ConfigError: If a maze is larger than the view.
    """
    planes = np.zeros((len(states), max_size, max_size, 3), np.uint8)
    if not states:
        return planes
    _draw_fitting(np.arange(len(states)), Boards.of(states), planes)
    return planes


def _draw_fitting(rows: NDArray[np.intp], boards: Boards, planes: NDArray[Any]) -> None:
    """Draw the planes of these games anew.

    Raises:
        ConfigError: If a maze is larger than the view.
    """
    if not _draw(rows, boards.worlds, boards.sizes, boards.mice, planes):
        size, side = int(boards.sizes[rows].max()), planes.shape[1]
        raise ConfigError(
            f"a maze of {size}×{size} does not fit a view of mazes up to {side}×{side}: "
            f"set env.levels.max_size to at least {size}"
        )


@compiled
def _draw(
    rows: NDArray[np.intp],
    worlds: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    mice: NDArray[np.int64],
    planes: NDArray[Any],
) -> bool:
    """Draw the planes of these games anew, and return whether all mazes fit.

    It stops at the first maze that does not fit. Around the mazes everything is wall.
    """
    side = planes.shape[1]
    for row in rows:
        size = sizes[row]
        if size > side:
            return False
        ring, margin = (side - size) // 2, (worlds.shape[1] - size) // 2
        planes[row] = 0
        planes[row, :, :, WALL_PLANE] = 1
        for y in range(size):
            for x in range(size):
                code = worlds[row, margin + y, margin + x]
                cell = planes[row, ring + size - 1 - y, ring + x]
                cell[WALL_PLANE] = code == WALL
                cell[CHEESE_PLANE] = code == CHEESE
        planes[row, ring + size - 1 - mice[row, 0], ring + mice[row, 1], MOUSE_PLANE] = 1
    return True


@compiled
def _move_mice(
    sizes: NDArray[np.int64],
    before: NDArray[np.int64],
    mice: NDArray[np.int64],
    planes: NDArray[Any],
) -> None:
    """Move the mice in the planes, and remember where they are."""
    for row in range(len(mice)):
        ring = (planes.shape[1] - sizes[row]) // 2
        top = ring + sizes[row] - 1
        planes[row, top - before[row, 0], ring + before[row, 1], MOUSE_PLANE] = 0
        planes[row, top - mice[row, 0], ring + mice[row, 1], MOUSE_PLANE] = 1
        before[row] = mice[row]
