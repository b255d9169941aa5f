"""Transitions as plain arrays: their checks, and the long run of a Markov chain."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

TIE = 1e-9
"""Values this close are equal; rewards are of order 1."""


class TooLargeError(ValueError):
    """Raised where an exact computation would take too long; the message names a faster one."""


def check_discount(gamma: float) -> float:
    """Return the discount as a float.

    Raises:
        ValueError: If it is outside [0, 1].
    """
    if not 0 <= gamma <= 1:
        raise ValueError(f"gamma = {gamma}: a discount lies between 0 and 1")
    return float(gamma)


def matrix(transitions: NDArray[Any]) -> NDArray[np.float64]:
    """Return the probabilities `[S, A, S]` of the next states of each action.

    Args:
        transitions: Next states `[S, A]`, whole numbers, or probabilities `[S, A, S]`.

    Raises:
        ValueError: If a next state does not exist or a row is no distribution.
    """
    if transitions.ndim == 2:
        return np.eye(len(transitions))[_checked_successors(transitions)]
    return _checked_matrix(transitions)


def successors(transitions: NDArray[Any]) -> NDArray[np.int32] | None:
    """Return the next states `[S, A]`, or None if transitions are random.

    Args:
        transitions: Next states `[S, A]`, whole numbers, or probabilities `[S, A, S]`.

    Raises:
        ValueError: If a next state does not exist or a row is no distribution.
    """
    if transitions.ndim == 2:
        return _checked_successors(transitions)
    likely = _checked_matrix(transitions)
    certain = (likely.max(axis=-1) == 1).all()
    return likely.argmax(axis=-1).astype(np.int32) if certain else None


def _checked_successors(transitions: NDArray[Any]) -> NDArray[np.int32]:
    if not np.issubdtype(transitions.dtype, np.integer) or transitions.size == 0:
        raise ValueError(
            f"transitions {list(transitions.shape)} of {transitions.dtype}: next states [S, A] as "
            "whole numbers, or probabilities [S, A, S]"
        )
    count = len(transitions)
    wrong = np.argwhere((transitions < 0) | (transitions >= count))
    if len(wrong):
        state, action = wrong[0]
        raise ValueError(
            f"state {state}, action {action} leads to {transitions[state, action]}; "
            f"states are 0 to {count - 1}"
        )
    return np.ascontiguousarray(transitions, np.int32)


def _checked_matrix(transitions: NDArray[Any]) -> NDArray[np.float64]:
    shape = transitions.shape
    if len(shape) != 3 or shape[0] != shape[2] or transitions.size == 0:
        raise ValueError(
            f"transitions {list(shape)}: next states [S, A] or probabilities [S, A, S]"
        )
    likely = np.asarray(transitions, np.float64)
    sums = likely.sum(axis=-1)
    # Written so that NaN is refused as well.
    fine = (likely >= 0).all(axis=-1) & (np.abs(sums - 1) <= TIE)
    if not fine.all():
        state, action = np.argwhere(~fine)[0]
        least, total = likely[state, action].min(), sums[state, action]
        raise ValueError(
            f"state {state}, action {action}: these are no probabilities "
            f"(smallest {least:g}, sum {total:g}); a row is at least 0 and adds up to 1"
        )
    return likely


def long_run(chain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the long-run share `[S, S]` of time in each state, by start state.

    It is the Cesàro limit of the powers of the chain (Puterman 1994, appendix A.4), which exists
    for a periodic chain too. A state leads to another if the probability is not zero, however
    small: no tolerance decides which states are recurrent.

    Args:
        chain: Transition probabilities `[S, S]`.
    """
    count = len(chain)
    reach = reachable(chain > 0)
    mutual = reach & reach.T
    recurrent = (reach <= mutual).all(axis=1)
    shares = np.zeros((count, count))
    for first in range(count):
        members = np.flatnonzero(mutual[first])
        if recurrent[first] and members[0] == first:
            shares[np.ix_(members, members)] = _stationary(chain[np.ix_(members, members)])
    transient = ~recurrent
    if transient.any():
        inside = np.eye(transient.sum()) - chain[np.ix_(transient, transient)]
        entered = np.linalg.solve(inside, chain[np.ix_(transient, recurrent)])
        shares[np.ix_(transient, recurrent)] = entered @ shares[np.ix_(recurrent, recurrent)]
    return shares


def reachable(leads: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Compute which states can be reached from each state in any number of steps, bool `[S, S]`.

    Args:
        leads: Whether each state leads to each in one step, bool `[S, S]`.
    """
    reach: NDArray[np.bool_] = leads | np.eye(len(leads), dtype=bool)
    while True:
        further = reach @ reach
        if (further == reach).all():
            return reach
        reach = further


def _stationary(chain: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the stationary distribution `[M]` of a chain whose states all lead to each other."""
    equations = np.eye(len(chain)) - chain.T
    equations[-1] = 1  # the last equation follows from the others: replaced by "the sum is 1"
    right = np.zeros(len(chain))
    right[-1] = 1
    return np.linalg.solve(equations, right)
