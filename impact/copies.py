"""Proofs of "most" statements: larger sets of options that contain copies of smaller ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from chisel.impact.transitions import TooLargeError

MOST_STATES = 10
"""9,496 involutions."""


def copies(
    smaller: NDArray[np.float64],
    larger: NDArray[np.float64],
    others: NDArray[np.float64] | None = None,
) -> NDArray[np.int64]:
    """Involutions `[n, S]` of the states that prove "most rewards prefer the larger set, n to 1".

    Each swaps states so that `smaller` becomes a part of `larger`, its copy, and `others` stays
    what it is; it leaves the copies that the other involutions make in place. Take a reward for
    which something in `smaller` is better than everything in `larger` and no worse than everything
    in `others`. With its states swapped, the copy is optimal, and strictly better than every other
    copy; so n rewards of the same orbit that prefer `larger` belong to one that prefers `smaller`,
    and to no other one (multiple retargetability, Turner and Tadepalli 2022). So it is in every
    orbit, and at once for optimality probability, and for POWER if there are no others.

    No rows prove nothing: then the statement may still be true, or not.

    Args:
        smaller: Forms `[a, S]`, for instance the futures that one action can begin.
        larger: Forms `[b, S]`.
        others: All other options `[c, S]`; None if the two values are compared with nothing else.

    Raises:
        TooLargeError: Above 10 states.
    """
    states = smaller.shape[1]
    if states > MOST_STATES:
        raise TooLargeError(
            f"{states} states are too many to try all involutions (at most {MOST_STATES}); "
            "compare_orbit counts in any orbit, without proof"
        )
    others = np.zeros((0, states)) if others is None else others
    inside, aside = _names(larger), _names(others)
    found: dict[frozenset[bytes], NDArray[np.int64]] = {}
    for swap in _involutions(states):
        image = _names(smaller[:, swap])
        if image <= inside and _names(others[:, swap]) == aside:
            # Of several ways to make the same copy the one that moves least disturbs others least.
            moved = (swap != np.arange(states)).sum()
            if image not in found or moved < (found[image] != np.arange(states)).sum():
                found[image] = swap
    return _agreeing(list(found.values()), smaller)


def _agreeing(swaps: list[NDArray[np.int64]], smaller: NDArray[np.float64]) -> NDArray[np.int64]:
    """As many as possible whose copies are disjoint and left in place by the others."""
    images = [smaller[:, swap] for swap in swaps]
    names = [_names(image) for image in images]

    def agree(one: int, other: int) -> bool:
        return (
            not names[one] & names[other]
            and _names(images[one][:, swaps[other]]) == names[one]
            and _names(images[other][:, swaps[one]]) == names[other]
        )

    def largest(chosen: list[int], left: list[int]) -> list[int]:
        best = chosen
        for place, one in enumerate(left):
            if len(chosen) + len(left) - place > len(best):
                fitting = [other for other in left[place + 1 :] if agree(one, other)]
                best = max(best, largest([*chosen, one], fitting), key=len)
        return best

    chosen = largest([], list(range(len(swaps))))
    return np.array([swaps[one] for one in chosen], np.int64).reshape(-1, smaller.shape[1])


def _names(forms: NDArray[np.float64]) -> frozenset[bytes]:
    """Rows as a set, equal but for rounding."""
    # The odd offset keeps values that matter, such as 0 and 1/2, away from where rounding turns.
    rounded = np.floor(forms * 2.0**30 + 0.381966).astype(np.int64)
    return frozenset(row.tobytes() for row in rounded)


def _involutions(count: int) -> Iterator[NDArray[np.int64]]:
    """All permutations that undo themselves."""
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
