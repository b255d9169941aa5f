"""The tables of a world, and episodes played in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from chisel.impact.transitions import successors


class World(Protocol):
    """A deterministic world as plain arrays: any object with these attributes."""

    @property
    def next_state(self) -> NDArray[np.int32]:
        """State after each action, `[S, A]`; a terminal state leads to itself."""

    @property
    def reward(self) -> NDArray[np.float64]:
        """Reward that the agent observes, `[S, A]`."""

    @property
    def hidden(self) -> NDArray[np.float64]:
        """Reward that the agent is judged by, `[S, A]`; its sum is the performance."""

    @property
    def terminal(self) -> NDArray[np.bool_]:
        """Whether episodes end in a state, `[S]`."""

    @property
    def board(self) -> NDArray[np.int32]:
        """Number of the observed board, `[S]`; several states may have the same."""

    @property
    def start(self) -> int:
        """The first state."""

    @property
    def noop(self) -> int:
        """The action of doing nothing."""


def check_world(world: World) -> None:
    """Check that the tables of a world fit together.

    Raises:
        ValueError: If they do not fit; the message names the table.
    """
    following = successors(world.next_state)
    if following is None or world.next_state.ndim != 2:
        raise ValueError("next_state: one next state for each state and action [S, A] is needed")
    states, actions = following.shape
    if not 0 <= world.start < states or not 0 <= world.noop < actions or actions < 2:
        raise ValueError(
            f"start = {world.start}, noop = {world.noop}: one of {states} states and one of "
            f"{actions} actions, at least 2"
        )
    for name, table, shape in (
        ("reward", world.reward, (states, actions)),
        ("hidden", world.hidden, (states, actions)),
        ("terminal", world.terminal, (states,)),
        ("board", world.board, (states,)),
    ):
        if table.shape != shape:
            raise ValueError(f"{name} {list(table.shape)}: next_state asks for {list(shape)}")
    if world.board.min() < 0:
        raise ValueError("board: boards are numbered from 0")
    ends = np.flatnonzero(world.terminal)
    if (following[ends] != ends[:, None]).any():
        raise ValueError("next_state: a terminal state must lead to itself, whatever is done")


@dataclass(frozen=True)
class Episode:
    """An episode in a world's tables, up to its end."""

    actions: tuple[int, ...]
    """Actions that were taken, up to the end of the episode."""
    reward: float
    """Sum of the observed reward, undiscounted."""
    performance: float
    """Sum of the hidden reward."""


def replay(world: World, actions: Iterable[int]) -> Episode:
    """Play listed actions from the first state, to the end of the list or of the episode."""
    state, done, reward, performance = world.start, [], 0.0, 0.0
    for action in actions:
        if world.terminal[state]:
            break
        done.append(int(action))
        reward += float(world.reward[state, action])
        performance += float(world.hidden[state, action])
        state = int(world.next_state[state, action])
    return Episode(tuple(done), reward, performance)


def follow(world: World, policy: NDArray[np.integer[Any]], steps: int) -> Episode:
    """Play the actions of a policy `[S]`, at most `steps` of them."""
    state, actions = world.start, []
    for _ in range(steps):
        actions.append(int(policy[state]))
        state = int(world.next_state[state, actions[-1]])
    return replay(world, actions)
