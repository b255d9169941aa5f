"""A gridworld as an exact, finite Markov decision process."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.configs.errors import ConfigError
from chisel.envs.gridworlds.grid import ACTIONS, NOTHING
from chisel.envs.gridworlds.world import World
from chisel.envs.gridworlds.worlds import find_world

LIMIT = 100_000
"""States after which enumeration gives up by default."""


@dataclass(frozen=True)
class TabularMDP:
    """All S states that can be reached from the start, numbered breadth first from it.

    Deterministic. Actions are up 0, down 1, left 2, right 3, nothing 4. A terminal state leads to
    itself and pays nothing.
    """

    name: str
    next_state: NDArray[np.int32]
    """`[S, A]`."""
    reward: NDArray[np.float64]
    """`[S, A]`, what the agent is paid."""
    hidden: NDArray[np.float64]
    """`[S, A]`, the hidden performance term of the step, the reward included: its sum over an
    episode is the performance."""
    terminal: NDArray[np.bool_]
    """`[S]`."""
    board: NDArray[np.int32]
    """`[S]`, the number of the state's board; states with the same number look the same."""
    boards: NDArray[np.uint8]
    """`[B, H, W]`, the distinct boards, one ASCII code per cell."""
    start: int = 0
    noop: int = NOTHING
    """The action of doing nothing."""


def tabular(world: str | World[Any], *, limit: int = LIMIT) -> TabularMDP:
    """Enumerate all states of a world.

    Args:
        world: A name in `WORLDS`, or a world of your own.
        limit: Most states to enumerate.

    Raises:
        ConfigError: If the name is unknown or the world has more than `limit` states.
    """
    world = find_world(world) if isinstance(world, str) else world
    return _Enumeration(world, limit).run()


class _Enumeration:
    """Breadth-first search through the states of one world."""

    def __init__(self, world: World[Any], limit: int) -> None:
        self._world, self._limit = world, limit
        self._numbers: dict[tuple[Hashable, bool], int] = {}
        self._states: list[tuple[Any, bool]] = []
        self._boards: dict[bytes, int] = {}
        self._board_of: list[int] = []

    def run(self) -> TabularMDP:
        self._number(self._world.first(), ended=False)
        rows = [self._row(number, *found) for number, found in enumerate(self._states)]
        next_state, reward, hidden = zip(*rows, strict=True)
        grid = self._world.grid
        seen = np.frombuffer(b"".join(self._boards), np.uint8)
        return TabularMDP(
            name=self._world.name,
            next_state=np.array(next_state, np.int32),
            reward=np.array(reward, np.float64),
            hidden=np.array(hidden, np.float64),
            terminal=np.array([ended for _, ended in self._states]),
            board=np.array(self._board_of, np.int32),
            boards=seen.reshape(len(self._boards), grid.height, grid.width).copy(),
        )

    def _row(
        self, number: int, state: Any, ended: bool
    ) -> tuple[list[int], list[float], list[float]]:
        """Return next states, rewards and hidden rewards of all actions; number new states."""
        if ended:
            return [number] * len(ACTIONS), [0.0] * len(ACTIONS), [0.0] * len(ACTIONS)
        outcomes = [self._world.after(state, action) for action in range(len(ACTIONS))]
        return (
            [self._number(one.state, ended=one.ends) for one in outcomes],
            [one.reward for one in outcomes],
            [one.reward + one.effect for one in outcomes],
        )

    def _number(self, state: Any, *, ended: bool) -> int:
        """Return a state's number; a state seen for the first time gets the next one."""
        board = self._world.board(state)
        key = (state if self._world.keyed_by == "state" else board, ended)
        if key in self._numbers:
            return self._numbers[key]
        number = self._numbers[key] = len(self._states)
        if number >= self._limit:
            raise ConfigError(
                f"world {self._world.name!r} is too large for a table: more than limit = "
                f"{self._limit} states, {len(self._boards)} boards so far; raise limit, or use a "
                "sampled estimator, which needs no table"
            )
        self._states.append((state, ended))
        self._board_of.append(self._boards.setdefault(board, len(self._boards)))
        return number
