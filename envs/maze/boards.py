"""Walls, cheese and mice of many mazes, as arrays that compiled code follows.

Both engines fill them at the start of an episode. From then on the mice follow from the actions, so
that views, goals and facts never ask an engine for its state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.maze.rules import MOVE_DELTAS, MOVE_OF_ACTION, WALL
from chisel.envs.maze.state import MazeState

_DELTAS = np.array(MOVE_DELTAS)[MOVE_OF_ACTION]
"""(row, column) of each of procgen's actions."""


@dataclass(frozen=True, eq=False)
class Boards:
    """The current levels of `N` games.

    Attributes:
        worlds: Codes of all cells, uint8 `[N, W, W]`, row 0 at the bottom.
        sizes: Sides of the inner mazes, int64 `[N]`.
        mice: Row and column of each mouse in the inner maze, int64 `[N, 2]`.
        seeds: procgen's level seeds, int64 `[N]`; -1 for mazes drawn by hand.
    """

    worlds: NDArray[np.uint8]
    sizes: NDArray[np.int64]
    mice: NDArray[np.int64]
    seeds: NDArray[np.int64]

    @classmethod
    def empty(cls, num: int, world_dim: int) -> Boards:
        """Make boards for `num` games, all walls."""
        worlds = np.full((num, world_dim, world_dim), WALL, np.uint8)
        return cls(worlds, np.full(num, 3), np.zeros((num, 2), np.int64), np.full(num, -1))

    @classmethod
    def of(cls, states: Sequence[MazeState]) -> Boards:
        """Make boards of these states, which must be of one mode."""
        return cls(
            np.stack([state.world for state in states]),
            np.array([state.maze_dim for state in states]),
            np.array([state.mouse for state in states]),
            np.array([state.level_seed for state in states]),
        )

    def fill(self, row: int, state: MazeState) -> None:
        """Copy the maze of a state to a game's board."""
        self.worlds[row] = state.world
        self.sizes[row], self.seeds[row] = state.maze_dim, state.level_seed
        self.mice[row] = state.mouse

    @property
    def mice_in_world(self) -> NDArray[np.int64]:
        """Row and column of each mouse in the world, int64 `[N, 2]`."""
        return self.mice + ((self.worlds.shape[1] - self.sizes) // 2)[:, None]

    def moved(self, actions: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return the mice's positions after these actions `[N]`, int64 `[N, 2]`; change nothing."""
        mice = self.mice.copy()
        move(self.worlds, self.sizes, mice, np.asarray(actions, np.int64))
        return mice

    def move(self, actions: NDArray[np.integer[Any]]) -> None:
        """Move the mice; a wall or the edge of the world stops them."""
        move(self.worlds, self.sizes, self.mice, np.asarray(actions, np.int64))

    def in_corner(self, mice: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether positions `[N, 2]` are the top right cells of the mazes, bool `[N]`."""
        return np.asarray((mice == self.sizes[:, None] - 1).all(axis=1))


@compiled
def move(
    worlds: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    mice: NDArray[np.int64],
    actions: NDArray[np.int64],
) -> None:
    """Move every mouse by its action, in place; see `Boards`."""
    for row in range(len(mice)):
        move_mouse(worlds[row], sizes[row], mice[row], actions[row])


@compiled
def move_mouse(world: NDArray[np.uint8], size: int, mouse: NDArray[np.int64], action: int) -> None:
    """Move one mouse `[2]` by its action, in place; a wall or the edge of the world stops it."""
    margin = (len(world) - size) // 2
    y = mouse[0] + _DELTAS[action, 0]
    x = mouse[1] + _DELTAS[action, 1]
    inside = 0 <= y + margin < len(world) and 0 <= x + margin < len(world)
    if inside and world[y + margin, x + margin] != WALL:
        mouse[0] = y
        mouse[1] = x
