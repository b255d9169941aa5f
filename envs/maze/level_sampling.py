"""Who decides which level the next episode plays: procgen's own stream, or a level set."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from chisel.configs.errors import EnvironmentFault
from chisel.envs.maze import procgen_game
from chisel.envs.maze.cheese import RegionCheese
from chisel.envs.maze.levels import LevelSet
from chisel.envs.maze.procgen_game import ProcgenMaze
from chisel.envs.maze.state import MazeState


class LevelSampler(Protocol):
    """Prepares the first moment of each episode."""

    def draw(self, row: int, game: ProcgenMaze) -> tuple[MazeState, int]:
        """Put game `row` at the start of an episode, just after procgen has reset it.

        What procgen reports of the step before (reward, `first`, `completed`) is kept.

        Returns:
            The state of the game, valid until the next deal, and the index of the level in the
            level_set (-1 if it is none of the level set's).
        """
        ...

    def reseed(self, seed: np.random.SeedSequence) -> None:
        """Start the draws anew."""
        ...

    def rewind(self) -> None:
        """Begin again with the first level, if levels are dealt in an order."""
        ...

    def get_state(self) -> dict[str, Any]:
        """What `set_state` needs to continue the draws; plain values."""
        ...

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue the draws."""
        ...


class StreamSampler:
    """procgen's own levels, with the cheese moved if asked.

    Args:
        cheese: Where the cheese goes; None leaves it.
        timeout: Steps after which episodes end.
    """

    def __init__(self, cheese: RegionCheese | None, timeout: int) -> None:
        self._cheese = cheese
        self._timeout = timeout
        self._generator = np.random.default_rng(0)

    def draw(self, row: int, game: ProcgenMaze) -> tuple[MazeState, int]:
        """See `LevelSampler.draw`."""
        state = MazeState(game.read(row))
        edited = state.timeout != self._timeout
        if edited:
            state.timeout = self._timeout
        if self._cheese:
            self._cheese.place(state, self._generator)
            edited = True
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
    """Levels of a level set: drawn uniformly, or each dealt exactly once.

    Args:
        make_set: Makes the level set that belongs to a seed, when a saved state needs another one.
        seed: Seed of the level set to begin with.
        cheese: Where the cheese goes; None leaves it where the level set has it.
        timeout: Steps after which episodes end.
        once: For evaluation: with N games, game i plays levels i, i + N, i + 2N, …; afterwards it
            repeats its first level (game i ≥ n plays level i mod n) with level index -1.
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
        self._dealt: dict[int, int] = {}
        self._take(make_set(seed))

    def _take(self, level_set: LevelSet) -> None:
        self.level_set = level_set
        self._scratch = MazeState(procgen_game.template(level_set.look))
        self._scratch.timeout = self._timeout
        # At each end procgen makes a level that is thrown away: let it be the cheapest one.
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
        dealt = self._dealt.get(row, 0)
        self._dealt[row] = dealt + 1
        index = row + dealt * num_games
        if index < len(self.level_set):
            return index, index
        return row % len(self.level_set), -1

    def reseed(self, seed: np.random.SeedSequence) -> None:
        """See `LevelSampler.reseed`. The level set stays: it is what the environment is made of."""
        self._generator = np.random.default_rng(seed)

    def rewind(self) -> None:
        """See `LevelSampler.rewind`."""
        self._dealt = {}

    def get_state(self) -> dict[str, Any]:
        """See `LevelSampler.get_state`."""
        return {
            "generator": generator_state(self._generator),
            "set_seed": self._seed,
            "set_digest": self.level_set.digest,
            "dealt": [[row, dealt] for row, dealt in sorted(self._dealt.items())],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """See `LevelSampler.set_state`. Makes the saved level_set if this one is of another seed.

        Raises:
            EnvironmentFault: If the state was saved with other levels than this config gives.
        """
        if state["set_digest"] != self.level_set.digest:
            level_set = self._make_set(state["set_seed"])
            if level_set.digest != state["set_digest"]:
                raise EnvironmentFault(
                    "the saved state plays another set of levels: use the env.levels settings (and "
                    "procgen version) that it was saved with"
                )
            self._seed = state["set_seed"]
            self._take(level_set)
        set_generator_state(self._generator, state["generator"])
        self._dealt = {row: dealt for row, dealt in state["dealt"]}


def generator_state(generator: np.random.Generator) -> str:
    """A generator's state as text: its numbers are wider than checkpoints like."""
    return json.dumps(generator.bit_generator.state, sort_keys=True)


def set_generator_state(generator: np.random.Generator, state: str) -> None:
    """Continue a generator from `generator_state`."""
    generator.bit_generator.state = json.loads(state)
