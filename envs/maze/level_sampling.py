"""Choose the level of each episode, from procgen's own stream or from a level set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.declarations import require
from chisel.envs.maze.engine import Engine
from chisel.envs.maze.goals import RegionCheese
from chisel.envs.maze.levels import LevelSet
from chisel.envs.vector import generator_state, set_generator_state

_FEW = 8
"""Largest count of numbers that are drawn one by one, which is faster for few. The numbers are the
same."""


class LevelSampler(Protocol):
    """Chooses levels and puts games at the start of them."""

    def draw(self, rows: NDArray[np.intp], engine: Engine) -> NDArray[np.int64]:
        """Put games, in this order, at the start of a new episode.

        The engine keeps its report of the step before (reward, `first`, `completed`).

        Args:
            rows: Numbers of the games whose episodes have just ended, `[n]`.
            engine: Engine that plays them.

        Returns:
            Indices of the levels in the level set, int64 `[n]` (-1 if not in a level set).
        """

    def reseed(self, seed: np.random.SeedSequence) -> None:
        """Start the draws anew."""

    def rewind(self) -> None:
        """Begin again with the first level, if levels are played in order."""

    def get_state(self) -> dict[str, Any]:
        """Return what `set_state` needs to continue the draws, as plain values."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue the draws from a saved state."""


class StreamSampler:
    """Plays procgen's own levels, with the cheese moved if `cheese` is given.

    Args:
        cheese: Moves the cheese; None leaves it where procgen put it.
        timeout: Steps after which episodes end.
    """

    def __init__(self, cheese: RegionCheese | None, timeout: int) -> None:
        self._cheese = cheese
        self._timeout = timeout
        self._generator = np.random.default_rng(0)

    def draw(self, rows: NDArray[np.intp], engine: Engine) -> NDArray[np.int64]:
        """See `LevelSampler.draw`."""
        engine.load(rows)
        _lay(self._cheese, rows, engine, self._generator)
        engine.commit(rows, self._timeout)
        return np.full(len(rows), -1)

    def reseed(self, seed: np.random.SeedSequence) -> None:
        """See `LevelSampler.reseed`."""
        self._generator = np.random.default_rng(seed)

    def rewind(self) -> None:
        """See `LevelSampler.rewind`: these levels have no order."""

    def get_state(self) -> dict[str, Any]:
        """See `LevelSampler.get_state`."""
        return {"generator": generator_state(self._generator)}

    def set_state(self, state: dict[str, Any]) -> None:
        """See `LevelSampler.set_state`."""
        set_generator_state(self._generator, state["generator"])


class SetSampler:
    """Plays the levels of a level set, either drawn uniformly or each exactly once.

    Args:
        make_set: Makes the level set of a seed; called again for a saved state of another seed.
        seed: Seed of the level set to begin with.
        cheese: Moves the cheese; None leaves it where the level set has it.
        timeout: Steps after which episodes end.
        once: Whether each level is played once, for evaluation: of N games, game i plays levels i,
            i + N, i + 2N, …; afterwards it repeats level i mod n with level index -1.
    """

    def __init__(
        self,
        make_set: Callable[[int], LevelSet],
        seed: int,
        *,
        cheese: RegionCheese | None,
        timeout: int,
        once: bool = False,
    ) -> None:
        self._make_set = make_set
        self._seed = seed
        self._cheese = cheese
        self._once = once
        self._timeout = timeout
        self._generator = np.random.default_rng(0)
        self._played: dict[int, int] = {}
        """Number of levels that each game has begun."""
        self.level_set = make_set(seed)

    def draw(self, rows: NDArray[np.intp], engine: Engine) -> NDArray[np.int64]:
        """See `LevelSampler.draw`."""
        if self._once:
            indices, reported = self._next(rows, engine.num)
            self._begin(rows, indices, engine)
            return reported
        if self._cheese is None:
            indices = _draw_many(self._generator, len(self.level_set), len(rows))
            self._begin(rows, indices, engine)
            return indices
        # Level and cheese of each game are drawn in turn.
        indices = np.empty(len(rows), np.int64)
        for number in range(len(rows)):
            one = slice(number, number + 1)
            indices[one] = self._generator.integers(len(self.level_set))
            self._begin(rows[one], indices[one], engine)
        return indices

    def _begin(self, rows: NDArray[np.intp], indices: NDArray[np.int64], engine: Engine) -> None:
        levels, boards = self.level_set, engine.boards
        _copy(
            indices,
            levels.worlds,
            levels.sizes,
            levels.starts,
            levels.seeds,
            rows,
            boards.worlds,
            boards.sizes,
            boards.mice,
            boards.seeds,
        )
        _lay(self._cheese, rows, engine, self._generator)
        engine.place(rows, levels.backgrounds[indices], levels.shifts[indices], self._timeout)

    def _next(
        self, rows: NDArray[np.intp], num_games: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the next level of each game, and the level index that is reported."""
        indices, reported = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        for number, row in enumerate(rows.tolist()):
            played = self._played.get(row, 0)
            self._played[row] = played + 1
            index = row + played * num_games
            known = index < len(self.level_set)
            indices[number] = index if known else row % len(self.level_set)
            reported[number] = index if known else -1
        return indices, reported

    def reseed(self, seed: np.random.SeedSequence) -> None:
        """See `LevelSampler.reseed`. The level set stays the same."""
        self._generator = np.random.default_rng(seed)

    def rewind(self) -> None:
        """See `LevelSampler.rewind`."""
        self._played = {}

    def get_state(self) -> dict[str, Any]:
        """See `LevelSampler.get_state`."""
        return {
            "generator": generator_state(self._generator),
            "set_seed": self._seed,
            "set_digest": self.level_set.digest,
            "dealt": [[row, played] for row, played in sorted(self._played.items())],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """See `LevelSampler.set_state`. Makes the saved level set if this one is of another seed.

        Raises:
            EnvironmentFault: If the state was saved with other levels than this config gives.
        """
        if state["set_digest"] != self.level_set.digest:
            level_set = self._make_set(state["set_seed"])
            require(
                level_set.digest == state["set_digest"],
                "the saved state plays another level set: use the env.levels settings (and "
                "version of Chisel) that it was saved with",
            )
            self._seed, self.level_set = state["set_seed"], level_set
        set_generator_state(self._generator, state["generator"])
        self._played = {row: played for row, played in state["dealt"]}


def _draw_many(generator: np.random.Generator, below: int, count: int) -> NDArray[np.int64]:
    """Draw numbers from 0 to `below` - 1, int64 `[count]`."""
    if count > _FEW:
        return generator.integers(below, size=count)
    return np.array([generator.integers(below) for _ in range(count)], np.int64)


@compiled
def _copy(
    indices: NDArray[np.int64],
    worlds: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    starts: NDArray[np.int64],
    seeds: NDArray[np.int32],
    rows: NDArray[np.intp],
    to_worlds: NDArray[np.uint8],
    to_sizes: NDArray[np.int64],
    to_mice: NDArray[np.int64],
    to_seeds: NDArray[np.int64],
) -> None:
    """Copy these levels of a set to the boards of these games."""
    for number in range(len(rows)):
        row, index = rows[number], indices[number]
        to_worlds[row], to_mice[row] = worlds[index], starts[index]
        to_sizes[row], to_seeds[row] = sizes[index], seeds[index]


def _lay(
    cheese: RegionCheese | None,
    rows: NDArray[np.intp],
    engine: Engine,
    generator: np.random.Generator,
) -> None:
    """Move the cheese on the boards of these games, in this order."""
    if cheese is None:
        return
    boards = engine.boards
    for row in rows.tolist():
        row_, col = boards.mice[row].tolist()
        cheese.lay(boards.worlds[row], int(boards.sizes[row]), (row_, col), generator)
