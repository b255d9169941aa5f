"""Level samplers choose the level of each episode: from procgen's own stream, or a level set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from chisel.envs.declarations import require
from chisel.envs.maze import procgen_game
from chisel.envs.maze.goals import RegionCheese
from chisel.envs.maze.levels import LevelSet
from chisel.envs.maze.procgen_game import ProcgenMaze
from chisel.envs.maze.state import MazeState
from chisel.envs.vector import generator_state, set_generator_state


class LevelSampler(Protocol):
    """Chooses levels and puts games at the start of them."""

    def draw(self, row: int, game: ProcgenMaze) -> tuple[MazeState, int]:
        """Put game `row` at the start of an episode, just after procgen has reset it.

        What procgen reports of the step before (reward, `first`, `completed`) is kept.

        Returns:
            The state of the game, valid until the next draw, and the index of the level in the
            level set (-1 if it is not in a level set).
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

    def draw(self, row: int, game: ProcgenMaze) -> tuple[MazeState, int]:
        """See `LevelSampler.draw`."""
        state = MazeState(game.read(row))
        edited = self._cheese is not None or state.timeout != self._timeout
        state.timeout = self._timeout
        if self._cheese:
            self._cheese.place(state, self._generator)
        if edited:
            game.write(row, state.buffer)
        return state, -1

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
    """Plays levels of a level set: drawn uniformly, or each exactly once.

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
        """Levels that each game has begun."""
        self._use(make_set(seed))

    def _use(self, level_set: LevelSet) -> None:
        self.level_set = level_set
        self._scratch = MazeState(procgen_game.template(level_set.look))
        self._scratch.timeout = self._timeout
        # At each end procgen generates a level that is overwritten here: choose the cheapest one.
        cheapest = max(int(level_set.seeds[int(np.argmin(level_set.sizes))]), 0)
        self._scratch.seed_range = (cheapest, cheapest + 1)

    def draw(self, row: int, game: ProcgenMaze) -> tuple[MazeState, int]:
        """See `LevelSampler.draw`."""
        index, reported = self._next(row, game.num)
        state = self._scratch
        self.level_set.write(index, state)
        if self._cheese:
            self._cheese.place(state, self._generator)
        state.set_outcome(
            float(game.rewards[row]),
            bool(game.first[row]),
            bool(game.completed[row]),
            int(game.previous_seeds[row]),
        )
        game.write(row, state.buffer)
        return state, reported

    def _next(self, row: int, num_games: int) -> tuple[int, int]:
        if not self._once:
            index = int(self._generator.integers(len(self.level_set)))
            return index, index
        played = self._played.get(row, 0)
        self._played[row] = played + 1
        index = row + played * num_games
        if index < len(self.level_set):
            return index, index
        return row % len(self.level_set), -1

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
                "procgen version) that it was saved with",
            )
            self._seed = state["set_seed"]
            self._use(level_set)
        set_generator_state(self._generator, state["generator"])
        self._played = {row: played for row, played in state["dealt"]}
