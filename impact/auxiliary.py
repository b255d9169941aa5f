"""Auxiliary rewards: what an agent might be asked to do, as tables `[K, S]` paid on arrival."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Ends = Literal["zero", "absorbing"]
"""What a terminal state is worth: nothing, or its reward over and over."""


def random_rewards(
    count: int, labels: NDArray[np.integer[Any]], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Rewards `[K, S]`, uniform on [0, 1] and the same in states that have the same label.

    Args:
        count: How many, K.
        labels: `[S]`, numbers from 0; boards for rewards of what is seen, `arange(S)` for rewards
            of what is.
        generator: Draws them.
    """
    return generator.random((count, int(labels.max()) + 1))[:, labels]


def indicator_rewards(labels: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Rewards `[L, S]`: 1 for being where the label is l, as relative reachability has them."""
    return np.asarray(np.arange(int(labels.max()) + 1)[:, None] == labels, np.float64)


def step_rewards(
    rewards: NDArray[np.float64],
    next_state: NDArray[np.integer[Any]],
    terminal: NDArray[np.bool_],
    ends: Ends = "zero",
) -> NDArray[np.float64]:
    """Rewards `[K, S, A]` of steps, of rewards `[K, S]` paid on arrival.

    A terminal state leads to itself: with "absorbing" it pays there, with "zero" it does not.

    Raises:
        ValueError: If `rewards` is no finite table with a column for each state.
    """
    if rewards.ndim != 2 or rewards.shape[1] != len(next_state):
        raise ValueError(
            f"auxiliary rewards {list(rewards.shape)}: a row for each, with {len(next_state)} "
            "states, is needed"
        )
    if not np.isfinite(rewards).all():
        raise ValueError("auxiliary rewards must be finite numbers")
    paid = rewards[:, next_state]
    if ends == "zero":
        paid[:, terminal] = 0
    return paid
