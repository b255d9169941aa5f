"""Orbits: a reward function under every renaming of the states, and what "most" of them prefer.

Written f >=_most g: in every orbit, f > g holds at least as often as f < g (Turner et al. 2021);
n times as often for >=^n_most (Turner and Tadepalli 2022). Permutations are counted, so that a
reward function with equal entries counts several times, on both sides alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chisel.impact.transitions import TooLargeError

MOST_STATES = 9
"""9! = 362,880 permutations."""

TIE = 1e-9
"""Values this close are equal; rewards are of order 1."""


class Comparison(NamedTuple):
    """In how many elements of an orbit one quantity is larger than another."""

    more: int
    less: int
    of: int
    """Permutations; in the rest the two are equal."""

    def holds(self, times: float = 1.0) -> bool:
        """Whether this orbit agrees with `more >=^n_most less`.

        That one orbit agrees proves nothing about others: see `copies`.
        """
        return self.more >= times * self.less


@lru_cache(maxsize=2)
def permutations(count: int) -> NDArray[np.int8]:
    """All orders of `count` things, `[count!, count]`, in lexicographic order; read-only.

    Raises:
        TooLargeError: Above 9 things.
    """
    if count > MOST_STATES:
        raise TooLargeError(
            f"{count} states have {count}! permutations, too many to go through (at most "
            f"{MOST_STATES} states); compare_orbit takes any rewards, such as random permutations"
        )
    orders = np.zeros((1, 0), np.int8)
    for size in range(1, count + 1):
        # The first of `size` things in turn, then the others in every order known so far.
        first = np.repeat(np.arange(size, dtype=np.int8), len(orders))[:, None]
        rest = np.tile(orders, (size, 1))
        orders = np.hstack([first, rest + (rest >= first)]).astype(np.int8)
    orders.setflags(write=False)
    return orders


def orbit(reward: NDArray[Any]) -> NDArray[np.float64]:
    """All permutations `[S!, S]` of a reward function `[S]`.

    Raises:
        TooLargeError: Above 9 states.
    """
    values: NDArray[np.float64] = np.asarray(reward, np.float64)[permutations(len(reward))]
    return values


def best_values(forms: NDArray[np.float64], rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest value `[N]` of any form `[n, S]` by reward `[N, S]`."""
    return np.asarray((rewards @ forms.T).max(axis=1))


def holds_optimum(
    sets: Sequence[NDArray[np.float64]], rewards: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which sets of forms hold an optimal one, `[N, k]`, by reward `[N, S]`.

    Args:
        sets: Forms `[n_i, S]` of each of k sets, between them all there are.
        rewards: Reward functions, for instance an orbit.
    """
    best = np.stack([best_values(forms, rewards) for forms in sets], axis=1)
    return np.asarray(best >= best.max(axis=1, keepdims=True) - TIE)


def compare_orbit(first: NDArray[Any], second: NDArray[Any]) -> Comparison:
    """Count where `first` is larger than `second`, both `[N]` over an orbit."""
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    more, less = (difference > TIE).sum(), (difference < -TIE).sum()
    return Comparison(int(more), int(less), len(difference))
