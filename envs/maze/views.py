"""Observations of mazes: procgen's pixels, or planes of walls, mouse and cheese.

The planes are updated without reading procgen's state at every step: walls and cheese are known
when an episode begins, and the mouse's moves follow from the actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from chisel.configs.errors import ConfigError
from chisel.envs.maze.mice import Mice
from chisel.envs.maze.procgen_game import ProcgenMaze
from chisel.envs.maze.rules import CHEESE, WALL
from chisel.envs.maze.state import MazeState

WALL_PLANE, MOUSE_PLANE, CHEESE_PLANE = 0, 1, 2
PIXELS = 64


class View(Protocol):
    """Turns games into observations."""

    @property
    def space(self) -> spaces.Space[Any]:
        """Space of one observation `[H, W, C]`."""

    def begin(self, row: int, state: MazeState) -> None:
        """Follow a game from a new state on."""

    def move(self, actions: NDArray[np.integer[Any]]) -> None:
        """Follow one step of every game."""

    def read(self) -> NDArray[Any]:
        """Return observations `[N, H, W, C]`, a fresh copy."""


class PixelView:
    """procgen's own 64×64 image, row 0 at the top."""

    def __init__(self, game: ProcgenMaze) -> None:
        self.space: spaces.Space[Any] = spaces.Box(0, 255, (PIXELS, PIXELS, 3), np.uint8)
        self._pixels = game.pixels

    def begin(self, row: int, state: MazeState) -> None:
        """Do nothing: procgen draws the pixels itself."""

    def move(self, actions: NDArray[np.integer[Any]]) -> None:
        """Do nothing: procgen draws the pixels itself."""

    def read(self) -> NDArray[np.uint8]:
        """See `View.read`."""
        return self._pixels.copy()


class SymbolicView:
    """The middle of the world as planes of 0 and 1, row 0 at the top.

    Args:
        num: Number of games.
        max_size: Largest inner maze, and the side of the view.
        dtype: uint8 or float32; the values are the same.
    """

    def __init__(self, num: int, max_size: int, dtype: type[np.uint8] | type[np.float32]) -> None:
        self.space: spaces.Space[Any] = spaces.Box(0, 1, (max_size, max_size, 3), dtype)
        self._mice = Mice(num, max_size)
        side = self._mice.side
        self._planes = np.zeros((num, side, side, 3), dtype)
        self._flat = self._planes.reshape(num, side * side, 3)
        self._rows = np.arange(num)

    def begin(self, row: int, state: MazeState) -> None:
        """See `View.begin`."""
        self._planes[row] = symbolic_planes(state, self._mice.side)
        self._mice.begin(row, state)

    def move(self, actions: NDArray[np.integer[Any]]) -> None:
        """See `View.move`."""
        self._flat[self._rows, self._mice.at, MOUSE_PLANE] = 0
        self._mice.move(actions)
        self._flat[self._rows, self._mice.at, MOUSE_PLANE] = 1

    def read(self) -> NDArray[Any]:
        """See `View.read`."""
        return self._planes[:, 1:-1, 1:-1].copy()


def symbolic_planes(state: MazeState, side: int) -> NDArray[np.uint8]:
    """Return planes of wall, mouse and cheese of one state, uint8 `[side, side, 3]`.

    Around the maze everything is wall.

    Raises:
        ConfigError: If the maze is larger than the view.
    """
    size = state.maze_dim
    if size + 2 > side:
        raise ConfigError(
            f"a maze of {size}×{size} does not fit a view of mazes up to {side - 2}×{side - 2}: "
            f"set env.levels.max_size to at least {size}"
        )
    ring = (side - size) // 2
    planes = np.zeros((side, side, 3), np.uint8)
    planes[:, :, WALL_PLANE] = 1
    upright = state.grid[::-1]
    inner = planes[ring : ring + size, ring : ring + size]
    inner[:, :, WALL_PLANE] = upright == WALL
    inner[:, :, CHEESE_PLANE] = upright == CHEESE
    row, col = state.mouse
    inner[size - 1 - row, col, MOUSE_PLANE] = 1
    return planes


def symbolic_batch(states: Sequence[MazeState], max_size: int) -> NDArray[np.uint8]:
    """Return what `SymbolicView` shows of many states, uint8 `[N, max_size, max_size, 3]`."""
    if not states:
        return np.zeros((0, max_size, max_size, 3), np.uint8)
    return np.stack([symbolic_planes(state, max_size + 2)[1:-1, 1:-1] for state in states])
