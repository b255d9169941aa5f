"""Retargetability of decision functions, from one set of outcomes to another.

A decision function says how much outcome sets A and B are preferred under parameters θ. It is
retargetable from A to B by n permutations if each of them turns every θ that prefers A into one
that prefers B, and the images under different permutations are disjoint. Then B is preferred at
least n times as often in the orbit (Turner and Tadepalli 2022). θ may be anything that can be
permuted, such as utilities; neither rewards nor optimal policies are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chisel.impact.decision_rules import Rule
from chisel.impact.orbits import Comparison, compare_orbit, orbit, permutations
from chisel.impact.transitions import TIE, TooLargeError

MOST_ENTRIES = 6
"""Largest number of entries of the parameters. All 720 permutations of 6 are applied to 720
parameters."""

Preference = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Function that maps parameters `[N, d]` to the preference for A and that for B, each `[N]`."""


class Retargeting(NamedTuple):
    """Effect of permuted parameters on a decision."""

    counts: Comparison
    """Numbers of elements of the orbit that prefer B to A (`more`), and A to B (`less`)."""
    permutations: NDArray[np.int8]
    """Permutations `[n, d]` with disjoint images that retarget from A to B. They are found
    greedily, so there may be more. Empty if there are none, or no element prefers A."""


def lottery_preference(
    rule: Rule, first: Sequence[int], second: Sequence[int], lotteries: NDArray[Any] | None = None
) -> Preference:
    """Return the preference that consists of a rule's probabilities of choosing from A and from B.

    Args:
        rule: A rule from `chisel.impact.decision_rules`.
        first: Options of A.
        second: Options of B.
        lotteries: Probabilities `[n, d]` of d outcomes under each of n options, whose utilities
            are the parameters; None if the options are the outcomes.
    """

    def preference(
        utilities: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        probabilities = rule(utilities if lotteries is None else utilities @ lotteries.T)
        return probabilities[:, list(first)].sum(axis=1), probabilities[:, list(second)].sum(axis=1)

    return preference


def retargeting(preference: Preference, parameters: NDArray[Any]) -> Retargeting:
    """Find permutations that retarget a preference from A to B, on one orbit.

    Args:
        preference: Preferences for A and B as a function of parameters.
        parameters: Any element `[d]` of the orbit.

    Raises:
        TooLargeError: If there are more than 6 parameters.
    """
    size = len(parameters)
    if size > MOST_ENTRIES:
        raise TooLargeError(
            f"{size} parameters have too many permutations to compose (at most {MOST_ENTRIES}); "
            "compare_orbit counts preferences in larger orbits"
        )
    every = orbit(parameters)
    for_a, for_b = preference(every)
    counts = compare_orbit(for_b, for_a)
    distinct, first = np.unique(every, axis=0, return_index=True)
    prefer_a, prefer_b = (for_a > for_b + TIE)[first], (for_b > for_a + TIE)[first]
    place = {row.tobytes(): at for at, row in enumerate(distinct)}
    taken, chosen = np.zeros(len(distinct), bool), []
    for order in permutations(size):
        moved = np.ascontiguousarray(distinct[prefer_a][:, order])
        image = np.array([place[row.tobytes()] for row in moved], np.int64)
        if len(image) and prefer_b[image].all() and not taken[image].any():
            taken[image] = True
            chosen.append(order)
    return Retargeting(counts, np.array(chosen, np.int8).reshape(-1, size))
