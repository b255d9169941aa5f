"""Playing actions and policies in a world's tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.impact.worlds import World


@dataclass(frozen=True)
class Episode:
    """What was done, up to the end of the episode, and what came of it."""

    actions: tuple[int, ...]
    reward: float
    """What the agent was paid, undiscounted."""
    performance: float
    """The sum of the hidden reward."""


def replay(world: World, actions: Iterable[int]) -> Episode:
    """Do as listed, from the first state to the end of the list or of the episode."""
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
    """Do what a policy `[S]` says, for at most so many steps."""
    state, actions = world.start, []
    for _ in range(steps):
        actions.append(int(policy[state]))
        state = int(world.next_state[state, actions[-1]])
    return replay(world, actions)
