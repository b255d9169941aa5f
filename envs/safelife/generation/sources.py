"""Sources of generated levels: a set from a seed, or a new level for each episode."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count, islice
from typing import Any, Literal

import numpy as np

from chisel.configs.errors import ConfigError
from chisel.envs.declarations import require
from chisel.envs.safelife import cells
from chisel.envs.safelife.generation.generate import AnyTask, generate
from chisel.envs.safelife.generation.ways import TwoWays
from chisel.envs.safelife.levels import Level
from chisel.envs.splits import Split, split_of_digest

LevelSplit = Split | Literal["all"]


def split_of_level(level: Level, *, by_ends: bool = False) -> Split:
    """Return the split of a level, from a hash of its board and goals.

    Args:
        level: The level.
        by_ends: Whether the places of the agent and the exits count.
    """
    ends = level.board & (0 if by_ends else cells.AGENT | cells.EXIT) > 0
    digest = hashlib.blake2b(repr(level.board.shape).encode(), digest_size=16)
    for cell in (level.board, level.goals):
        digest.update(np.where(ends, cells.EMPTY, cell).astype("<u2").tobytes())
    return split_of_digest(digest.digest())


def level_set(task: AnyTask, number: int, *, seed: int, split: LevelSplit = "all") -> list[Level]:
    """Generate a set of levels: the first ones of a seed that belong to a split.

    Args:
        task: Description of the levels.
        number: Number of levels.
        seed: Seed of the set, not negative.
        split: Split that the levels belong to.

    Raises:
        ConfigError: If the number of levels is below 1, or the seed below 0.
    """
    if number < 1 or seed < 0:
        raise ConfigError(f"{number} levels from seed {seed}: both must be counts, levels above 0")
    return [level for _, level in islice(_levels(task, seed, 0, split), number)]


def _levels(task: AnyTask, seed: int, start: int, split: LevelSplit) -> Iterator[tuple[int, Level]]:
    """Generate the levels of a seed, from a number on, each with the number after its own.

    There are few rooms with two ways, so their levels are also split by where the agent begins.
    """
    for number in count(start):
        words = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)
        level = generate(task, int(words[0]) >> 1)
        if split in ("all", split_of_level(level, by_ends=isinstance(task, TwoWays))):
            yield number + 1, level


class EndlessLevels:
    """Gives a new level each time; a thread generates levels ahead, so that nobody waits.

    The next level depends on the seed and on the number of levels before it, never on the thread.

    Args:
        task: Description of the levels.
        split: Split that the levels belong to.
        ahead: Number of levels that are kept ready.
    """

    def __init__(self, task: AnyTask, *, split: LevelSplit = "all", ahead: int = 16) -> None:
        self._task, self._split = task, split
        self._kind = [task.name, split, task.exit]
        self._ahead = max(ahead, 1)
        self._thread = ThreadPoolExecutor(1, "safelife-levels")
        self._waiting: deque[Future[tuple[int, Level]]] = deque()
        self._restart(0, 0)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the boards."""
        return self._task.shape

    def _restart(self, seed: int, number: int) -> None:
        for future in self._waiting:
            future.cancel()
        self._seed, self._number = seed, number
        self._coming = _levels(self._task, seed, number, self._split)
        self._waiting.clear()

    def draw(self) -> Level:
        """Return the next level."""
        while len(self._waiting) <= self._ahead:
            self._waiting.append(self._thread.submit(next, self._coming))
        self._number, level = self._waiting.popleft().result()
        return level

    def reseed(self, seed: np.random.SeedSequence) -> None:
        """Start anew with the levels of a seed."""
        self._restart(int(seed.generate_state(1, np.uint64)[0]), 0)

    def get_state(self) -> dict[str, Any]:
        """Return the seed, and the number of levels that were tried so far."""
        return {"levels": self._kind, "seed": self._seed, "number": self._number}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue where `get_state` was called.

        Raises:
            EnvironmentFault: If the state is of another task, or of a set of levels.
        """
        require(
            state.get("levels") == self._kind,
            "the state was saved with other levels: use the env.task, env.split, env.exit and "
            "env.num_levels that it was saved with",
        )
        self._restart(int(state["seed"]), int(state["number"]))
