"""A gridworld as an exact, finite Markov decision process."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.configs.errors import ConfigError
from chisel.envs.gridworlds.grid import ACTIONS, AGENT, NOTHING, Cell
from chisel.envs.gridworlds.world import Outcome, World
from chisel.envs.gridworlds.worlds import find_world

LIMIT = 100_000
"""Default number of states after which enumeration gives up."""


@dataclass(frozen=True)
class TabularMDP:
    """All S states that can be reached from the start, numbered breadth first from it.

    Transitions are deterministic. Actions are up 0, down 1, left 2, right 3, nothing 4. A terminal
    state leads to itself and pays nothing.
    """

    name: str
    next_state: NDArray[np.int32]
    """State after each action, `[S, A]`."""
    reward: NDArray[np.float64]
    """Reward that the agent observes, `[S, A]`."""
    hidden: NDArray[np.float64]
    """Reward plus the hidden side effect of the step, `[S, A]`. Its sum over an episode is the
    performance."""
    terminal: NDArray[np.bool_]
    """Whether episodes end in a state, `[S]`."""
    board: NDArray[np.int32]
    """Number of each state's board, `[S]`; states with the same number look the same."""
    boards: NDArray[np.uint8]
    """The distinct boards, `[B, H, W]`, one ASCII code per cell."""
    things: NDArray[np.int32]
    """Number of each state's arrangement of things, the agent apart, `[S]`."""
    starts: NDArray[np.int32]
    """States in which episodes begin, `[K]`."""
    start: int = 0
    noop: int = NOTHING
    """The action of doing nothing."""

    @property
    def disturbs(self) -> NDArray[np.bool_]:
        """Return whether things differ after an action from those after a no-op, bool `[S, A]`."""
        after = self.things[self.next_state]
        return np.asarray(after != after[:, [self.noop]])


def tabular(world: str | World[Any], *, limit: int = LIMIT) -> TabularMDP:
    """Enumerate all states of a world.

    Args:
        world: A name in `WORLDS`, or a world of your own.
        limit: Largest number of states to enumerate.

    Raises:
        ConfigError: If the name is unknown or the world has more than `limit` states.
    """
    world = find_world(world) if isinstance(world, str) else world
    numbers: dict[tuple[Hashable, bool], int] = {}
    states: list[tuple[Any, bool]] = []
    boards: dict[bytes, int] = {}
    board_of: list[int] = []
    things: dict[frozenset[tuple[str, Cell]], int] = {}
    things_of: list[int] = []

    def number_of(state: Any, ended: bool) -> int:
        """Return a state's number; a state seen for the first time gets the next one."""
        board = world.board(state)
        key = (state if world.keyed_by == "state" else board, ended)
        if key in numbers:
            return numbers[key]
        number = numbers[key] = len(states)
        if number >= limit:
            raise ConfigError(
                f"world {world.name!r} is too large for a table: more than limit = {limit} "
                f"states, {len(boards)} boards so far; raise limit, or use a sampled estimator, "
                "which needs no table"
            )
        states.append((state, ended))
        board_of.append(boards.setdefault(board, len(boards)))
        lying = frozenset(one for one in world.draw(world.grid, state) if one[0] != AGENT)
        things_of.append(things.setdefault(lying, len(things)))
        return number

    starts = [number_of(one, False) for one in (world.first(), *world.others(world.grid))]
    rows: list[list[Outcome[Any]]] = []
    next_state: list[list[int]] = []
    for state, ended in states:  # grows while it is gone through
        stays = Outcome(state, ends=True)
        rows.append([stays if ended else world.after(state, a) for a in range(len(ACTIONS))])
        next_state.append([number_of(one.state, one.ends) for one in rows[-1]])
    seen = np.frombuffer(b"".join(boards), np.uint8)
    return TabularMDP(
        name=world.name,
        next_state=np.array(next_state, np.int32),
        reward=np.array([[one.reward for one in row] for row in rows], np.float64),
        hidden=np.array([[one.reward + one.effect for one in row] for row in rows], np.float64),
        terminal=np.array([ended for _, ended in states]),
        board=np.array(board_of, np.int32),
        boards=seen.reshape(len(boards), world.grid.height, world.grid.width).copy(),
        things=np.array(things_of, np.int32),
        starts=np.array(starts, np.int32),
    )
