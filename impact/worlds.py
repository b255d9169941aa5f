"""What this room needs to know of a world: its tables."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from chisel.impact.transitions import successors


class World(Protocol):
    """A deterministic world as plain arrays; any object that has them will do."""

    @property
    def next_state(self) -> NDArray[np.int32]:
        """`[S, A]`, where each action leads; a terminal state leads to itself."""

    @property
    def reward(self) -> NDArray[np.float64]:
        """`[S, A]`, what the agent is paid."""

    @property
    def hidden(self) -> NDArray[np.float64]:
        """`[S, A]`, what the agent is judged by; summed over an episode, its performance."""

    @property
    def terminal(self) -> NDArray[np.bool_]:
        """`[S]`, where episodes end."""

    @property
    def board(self) -> NDArray[np.int32]:
        """`[S]`, number of the board that is seen; several states may look alike."""

    @property
    def start(self) -> int:
        """The first state."""

    @property
    def noop(self) -> int:
        """The action of doing nothing."""


def check_world(world: World) -> None:
    """See to it that the tables fit together.

    Raises:
        ValueError: They do not; the message names the table.
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
