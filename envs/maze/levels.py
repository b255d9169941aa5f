"""Levels, and sets of levels that were generated beforehand.

Only walls, cheese, start, seed and background of a level are stored, about 250 bytes in the easy
mode. `LevelSet.write` puts them into the bytes of a full state.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chisel.configs.errors import ConfigError
from chisel.envs.maze.native import game_bytes
from chisel.envs.maze.rules import CHEESE, Cell, Look
from chisel.envs.maze.state import MazeState


@dataclass(frozen=True)
class Level:
    """One level.

    Attributes:
        seed: procgen's level seed; -1 for a maze drawn by hand.
        grid: Codes of the inner maze, uint8 `[size, size]`, row 0 at the bottom.
        start: Cell where the mouse starts.
        background: Number of the background image, and its shift (0…1).
    """

    seed: int
    grid: NDArray[np.uint8]
    start: Cell
    background: tuple[int, float]

    @property
    def size(self) -> int:
        """Side of the inner maze in cells."""
        return len(self.grid)

    @property
    def cheese(self) -> list[Cell]:
        """Cells with cheese."""
        rows, cols = np.nonzero(self.grid == CHEESE)
        return list(zip(rows.tolist(), cols.tolist(), strict=True))


_COLUMNS = ("seeds", "sizes", "worlds", "starts", "backgrounds", "shifts")
"""Arrays of a level set, in the order of its fields."""


@dataclass(frozen=True, eq=False)
class LevelSet:
    """Levels of one mode, as arrays over the `n` levels.

    Attributes:
        look: Mode and visual options of the states made from the levels.
        seeds: procgen's level seeds, int32 `[n]`; -1 for mazes drawn by hand.
        sizes: Sides of the inner mazes, int64 `[n]`.
        worlds: Codes of all cells, uint8 `[n, world_dim, world_dim]`.
        starts: Cells where the mouse starts, int64 `[n, 2]`.
        backgrounds: Numbers of the background images, int32 `[n]`.
        shifts: Shifts of the background images (0…1), float32 `[n]`.
    """

    look: Look
    seeds: NDArray[np.int32]
    sizes: NDArray[np.int64]
    worlds: NDArray[np.uint8]
    starts: NDArray[np.int64]
    backgrounds: NDArray[np.int32]
    shifts: NDArray[np.float32]

    @classmethod
    def from_states(cls, states: Sequence[MazeState]) -> LevelSet:
        """Make a level set of these mazes, for example drawn by hand, in this order.

        Raises:
            ConfigError: If there are none, or their worlds or visual options differ.
        """
        if not states:
            raise ConfigError("a level set needs at least one level")
        look = states[0].look
        for number, state in enumerate(states):
            if state.look != look:
                raise ConfigError(f"level {number} has {state.look}, but level 0 has {look}")
        backgrounds = [state.background for state in states]
        return cls(
            look=look,
            seeds=np.array([state.level_seed for state in states], np.int32),
            sizes=np.array([state.maze_dim for state in states], np.int64),
            worlds=np.stack([state.world for state in states]),
            starts=np.array([state.mouse for state in states], np.int64),
            backgrounds=np.array([index for index, _ in backgrounds], np.int32),
            shifts=np.array([shift for _, shift in backgrounds], np.float32),
        )

    @classmethod
    def joined(cls, parts: Sequence[LevelSet]) -> LevelSet:
        """Join level sets of one look, in this order."""
        columns = [[getattr(part, name) for part in parts] for name in _COLUMNS]
        return cls(parts[0].look, *map(np.concatenate, columns))

    def take(self, indices: Sequence[int]) -> LevelSet:
        """Return a set of copies of some levels, in this order."""
        chosen = np.asarray(indices, np.intp)
        return LevelSet(self.look, *(getattr(self, name)[chosen] for name in _COLUMNS))

    def inner(self, index: int) -> NDArray[np.uint8]:
        """Return the codes of a level's inner maze, uint8 `[size, size]`, as a view to edit."""
        size = int(self.sizes[index])
        margin = (self.worlds.shape[1] - size) // 2
        return self.worlds[index, margin : margin + size, margin : margin + size]

    def __len__(self) -> int:
        """Return the number of levels."""
        return len(self.seeds)

    def __getitem__(self, index: int) -> Level:
        """Return one level, copied out of the arrays."""
        return Level(
            seed=int(self.seeds[index]),
            grid=self.inner(index).copy(),
            start=(int(self.starts[index, 0]), int(self.starts[index, 1])),
            background=(int(self.backgrounds[index]), float(self.shifts[index])),
        )

    def write(self, index: int, state: MazeState) -> None:
        """Put `state` at the start of a level, keeping its random streams and timeout."""
        state.set_world(self.worlds[index], int(self.sizes[index]))
        row, col = self.starts[index].tolist()
        state.set_mouse(row, col)
        state.background = (int(self.backgrounds[index]), float(self.shifts[index]))
        state.level_seed = int(self.seeds[index])
        state.is_reflected = False
        state.cur_time = 0

    def state(self, index: int) -> MazeState:
        """Make a fresh state at the start of a level."""
        state = MazeState(game_bytes.fresh(self.look))
        self.write(index, state)
        return state

    @functools.cached_property
    def digest(self) -> str:
        """Return a hash of everything in the level set: equal sets have equal digests."""
        digest = hashlib.blake2b(repr(self.look).encode(), digest_size=16)
        for name in _COLUMNS:
            digest.update(getattr(self, name).tobytes())
        return digest.hexdigest()
