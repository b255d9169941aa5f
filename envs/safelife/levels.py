"""Levels, and the sources from which an environment takes them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from chisel.configs.errors import ConfigError
from chisel.envs.declarations import require
from chisel.envs.safelife import cells
from chisel.envs.safelife.physics import MAX_SIDE, MIN_SIDE

_RIGHT = 1


@dataclass(frozen=True)
class Level:
    """One level, before the first step.

    Raises:
        ConfigError: If board and goals are no cells `[H, W]` of one shape with sides of 3 to 64,
            there is not exactly one agent, or it faces no direction.
    """

    board: NDArray[np.uint16]
    """Cells `[H, W]`."""
    goals: NDArray[np.uint16]
    """Goals `[H, W]`: a second board, whose colours are those of the life that should be there."""
    seed: int = -1
    """Seed that the level was generated from; -1 if there is none."""
    facing: int = _RIGHT
    """Direction of the agent: 0 up, 1 right, 2 down, 3 left."""
    name: str = "the level"

    def __post_init__(self) -> None:
        for what, array in (("board", self.board), ("goals", self.goals)):
            if array.ndim != 2 or array.dtype.kind not in "iu":
                _refuse(
                    self.name, f"{what} of {array.dtype} {list(array.shape)}: needs cells [H, W]"
                )
            if array.size and not 0 <= array.min() <= array.max() < 1 << 16:
                _refuse(self.name, f"{what} holds numbers that are no cells of 16 bits")
            if not all(MIN_SIDE <= side <= MAX_SIDE for side in array.shape):
                size = "x".join(map(str, array.shape))
                _refuse(self.name, f"{what} of {size}: sides must be {MIN_SIDE} to {MAX_SIDE}")
        if self.board.shape != self.goals.shape:
            _refuse(self.name, "board and goals have different shapes")
        if self.facing not in range(4):
            _refuse(self.name, f"the agent faces {self.facing}: directions are 0 to 3")
        agents = int(np.count_nonzero(self.board & cells.AGENT))
        if agents != 1:
            _refuse(self.name, f"{agents} agents on the board: there must be one")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.board.shape
        return height, width

    @property
    def agent(self) -> tuple[int, int]:
        """Row and column of the agent."""
        row, column = np.argwhere(self.board & cells.AGENT)[0]
        return int(row), int(column)


def _refuse(name: str, why: str) -> None:
    raise ConfigError(f"{name}: {why}")


class LevelSource(Protocol):
    """A source of an environment's levels, all of which have boards of one shape."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the boards."""

    def draw(self) -> Level:
        """Return the level of the next episode."""

    def reseed(self, seed: np.random.SeedSequence) -> None:
        """Start anew: the first level is the next, and draws come from the seed."""

    def get_state(self) -> dict[str, Any]:
        """Return everything that the next draws depend on, in plain values."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue where `get_state` was called."""


class LevelCycle:
    """Gives the same levels again and again, in their order.

    Args:
        levels: Levels with boards of one shape.

    Raises:
        ConfigError: If there are no levels, or their shapes differ.
    """

    def __init__(self, levels: Sequence[Level]) -> None:
        if not levels:
            raise ConfigError("there are no levels: give at least one")
        shapes = {level.shape for level in levels}
        if len(shapes) > 1:
            raise ConfigError(f"levels with boards of different shapes: {sorted(shapes)}")
        self._levels = tuple(levels)
        self._next = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the boards."""
        return self._levels[0].shape

    def draw(self) -> Level:
        """Return the next level."""
        level = self._levels[self._next % len(self._levels)]
        self._next += 1
        return level

    def reseed(self, seed: np.random.SeedSequence) -> None:
        """Begin with the first level. Nothing is random here."""
        self._next = 0

    def get_state(self) -> dict[str, Any]:
        """Return the position in the cycle."""
        return {"levels": len(self._levels), "next": self._next}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue where `get_state` was called.

        Raises:
            EnvironmentFault: If the state is of another number of levels.
        """
        require(
            state.get("levels") == len(self._levels),
            "the state was saved with other levels: use the env.levels that it was saved with",
        )
        self._next = int(state["next"])


_DAMAGED = (
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    RuntimeError,
    BadZipFile,
    zlib.error,
)
"""Exceptions that reading a damaged npz file raises."""


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Read arrays from an npz file; nothing in it is executed.

    Raises:
        ConfigError: If the file is damaged, is no npz file, or lacks an array.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, NpzFile):
            raise ConfigError(f"{path}: no npz file, but one array")
        with loaded as file:
            return {name: file[name] for name in names}
    except KeyError as error:
        missing = next(name for name in names if name in str(error))
        raise ConfigError(f"{path}: has no array {missing!r}") from error
    except _DAMAGED as error:
        raise ConfigError(f"{path}: damaged, or no npz file ({error})") from error


def read_levels(folder: str) -> list[Level]:
    """Read the levels of a folder: npz files with `init_board`, `init_goals` and `level_seed`.

    Raises:
        ConfigError: If there is no file, or one is damaged or holds no level.
    """
    paths = sorted(Path(folder).glob("*.npz"))
    if not paths:
        raise ConfigError(f"env.levels = {folder}: there are no npz files")
    return [_read_level(path) for path in paths]


def _read_level(path: Path) -> Level:
    arrays = read_arrays(path, ("init_board", "init_goals", "level_seed"))
    seed = arrays["level_seed"]
    if seed.dtype.kind not in "iu" or seed.size != 1:
        _refuse(str(path), f"level_seed must be one whole number, not {seed.tolist()}")
    return Level(arrays["init_board"], arrays["init_goals"], int(seed.item()), name=str(path))
