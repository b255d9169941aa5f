"""Orbits: a reward function under all permutations of the states, and what most of them prefer.

Written f >=_most g: in every orbit, f > g holds at least as often as f < g (Turner et al. 2021);
n times as often for >=^n_most (Turner and Tadepalli 2022). Permutations are counted, so a reward
function with equal entries counts several times, on both sides alike.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chisel.impact.transitions import TIE, TooLargeError
from chisel.impact.visitation import on_grid

MOST_STATES = 9
"""Largest number of states whose permutations are all tried; 9! = 362,880."""
_MOST_FOR_INVOLUTIONS = 10
"""Largest number of states whose 9,496 involutions are all tried."""


class Comparison(NamedTuple):
    """Number of elements of an orbit in which one quantity is larger, or smaller, than another."""

    more: int
    """Number of elements in which the first quantity is larger."""
    less: int
    """Number of elements in which it is smaller."""
    of: int
    """Number of elements of the orbit; in the rest the two are equal."""

    def holds(self, times: float = 1.0) -> bool:
        """Return whether this orbit agrees with `more >=^n_most less`, where n is `times`.

        One orbit proves nothing about others: see `copy_involutions`.
        """
        return self.more >= times * self.less


@lru_cache(maxsize=2)
def permutations(count: int) -> NDArray[np.int8]:
    """Return all permutations `[count!, count]` of 0 to count - 1, in lexicographic order.

    The array is read-only.

    Raises:
        TooLargeError: If `count` is above 9.
    """
    if count > MOST_STATES:
        raise TooLargeError(
            f"{count} states have {count}! permutations, too many to go through (at most "
            f"{MOST_STATES} states); compare_orbit takes any rewards, such as random permutations"
        )
    numbers = itertools.chain.from_iterable(itertools.permutations(range(count)))
    orders = np.fromiter(numbers, np.int8).reshape(math.factorial(count), count)
    orders.setflags(write=False)
    return orders


def orbit(reward: NDArray[Any]) -> NDArray[np.float64]:
    """Return all permutations `[S!, S]` of a reward function `[S]`.

    Raises:
        TooLargeError: If there are more than 9 states.
    """
    return np.asarray(np.asarray(reward, np.float64)[permutations(len(reward))])


def best_values(forms: NDArray[np.float64], rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest value `[N]` of any form `[n, S]` under each reward `[N, S]`."""
    return np.asarray((rewards @ forms.T).max(axis=1))


def holds_optimum(
    sets: Sequence[NDArray[np.float64]], rewards: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Find the sets with an optimal form, bool `[N, k]`, under each reward `[N, S]`.

    Args:
        sets: Forms `[n_i, S]` of each of k sets. Together they must be all forms.
        rewards: Reward functions, such as an orbit.
    """
    best = np.stack([best_values(forms, rewards) for forms in sets], axis=1)
    return np.asarray(best >= best.max(axis=1, keepdims=True) - TIE)


def compare_orbit(first: NDArray[Any], second: NDArray[Any]) -> Comparison:
    """Count where `first` is larger than `second`, both `[N]` over an orbit."""
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    more, less = (difference > TIE).sum(), (difference < -TIE).sum()
    return Comparison(int(more), int(less), len(difference))


def copy_involutions(
    smaller: NDArray[np.float64],
    larger: NDArray[np.float64],
    others: NDArray[np.float64] | None = None,
) -> NDArray[np.int64]:
    """Find involutions `[n, S]` of states that prove that most rewards prefer `larger`, n to 1.

    Each involution swaps states so that `smaller` becomes a part of `larger` (a copy of it) and
    `others` does not change; it does not move the copies of the other involutions. Take a reward
    under which a form in `smaller` is better than all in `larger` and no worse than all in
    `others`. Under the same reward with swapped states the copy is optimal, and strictly better
    than every other copy. So for each reward that prefers `smaller` there are n rewards of the same
    orbit that prefer `larger`, different ones for each (multiple retargetability, Turner and
    Tadepalli 2022). That holds in every orbit, for optimality probability, and without `others` for
    POWER too.

    If no involution is found (n = 0), the statement may be true or false.

    Args:
        smaller: Forms `[a, S]`, such as the futures that one action can begin.
        larger: Forms `[b, S]`.
        others: Forms `[c, S]` of all other options; None if there are none.

    Raises:
        TooLargeError: If there are more than 10 states.
    """
    states = smaller.shape[1]
    if states > _MOST_FOR_INVOLUTIONS:
        raise TooLargeError(
            f"{states} states are too many to try all involutions (at most "
            f"{_MOST_FOR_INVOLUTIONS}); compare_orbit counts in any orbit, without proof"
        )
    others = np.zeros((0, states)) if others is None else others
    in_larger, in_others = _names(larger), _names(others)
    found: dict[frozenset[bytes], NDArray[np.int64]] = {}
    for swap in _involutions(states):
        image = _names(smaller[:, swap])
        if image <= in_larger and _names(others[:, swap]) == in_others:
            # Of several involutions with the same copy keep the one that moves the fewest states.
            moved = (swap != np.arange(states)).sum()
            if image not in found or moved < (found[image] != np.arange(states)).sum():
                found[image] = swap
    return _compatible(list(found.values()), smaller)


def _compatible(swaps: list[NDArray[np.int64]], smaller: NDArray[np.float64]) -> NDArray[np.int64]:
    """Choose as many involutions as possible whose copies are disjoint and not moved by others."""
    images = [smaller[:, swap] for swap in swaps]
    names = [_names(image) for image in images]

    def compatible(one: int, other: int) -> bool:
        return (
            not names[one] & names[other]
            and _names(images[one][:, swaps[other]]) == names[one]
            and _names(images[other][:, swaps[one]]) == names[other]
        )

    def largest(chosen: list[int], left: list[int]) -> list[int]:
        best = chosen
        for place, one in enumerate(left):
            if len(chosen) + len(left) - place > len(best):
                fitting = [other for other in left[place + 1 :] if compatible(one, other)]
                best = max(best, largest([*chosen, one], fitting), key=len)
        return best

    chosen = largest([], list(range(len(swaps))))
    return np.array([swaps[one] for one in chosen], np.int64).reshape(-1, smaller.shape[1])


def _names(forms: NDArray[np.float64]) -> frozenset[bytes]:
    """Return the rows as a set, in which rows that differ by rounding are equal."""
    return frozenset(row.tobytes() for row in on_grid(forms, 30))


def _involutions(count: int) -> Iterator[NDArray[np.int64]]:
    """Yield all permutations that are their own inverse."""
    order = np.arange(count)

    def swap_from(first: int) -> Iterator[NDArray[np.int64]]:
        if first == count:
            yield order.copy()
            return
        yield from swap_from(first + 1)
        if order[first] == first:
            for second in range(first + 1, count):
                if order[second] == second:
                    order[first], order[second] = second, first
                    yield from swap_from(first + 1)
                    order[first], order[second] = first, second

    yield from swap_from(0)
