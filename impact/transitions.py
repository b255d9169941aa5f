"""Transitions as plain arrays, looked at once before anything is computed from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_CLOSE = 1e-9
"""How far the probabilities of a row may be from adding up to 1."""


class TooLargeError(ValueError):
    """An exact computation would take too long; the message names one that would not."""


def check_discount(gamma: float) -> float:
    """The discount, which lies in [0, 1].

    Raises:
        ValueError: If it does not.
    """
    if not 0 <= gamma <= 1:
        raise ValueError(f"gamma = {gamma}: a discount lies between 0 and 1")
    return float(gamma)


def matrix(transitions: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities `[S, A, S]` of where each action leads.

    Args:
        transitions: Next states `[S, A]`, whole numbers, or probabilities `[S, A, S]`.

    Raises:
        ValueError: If a next state does not exist or a row is no distribution.
    """
    if transitions.ndim == 2:
        return np.eye(len(transitions))[_checked_successors(transitions)]
    return _checked_matrix(transitions)


def successors(transitions: NDArray[Any]) -> NDArray[np.int32] | None:
    """Next states `[S, A]`, or None where chance has a say.

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
    fine = (likely >= 0).all(axis=-1) & (np.abs(sums - 1) <= _CLOSE)
    if not fine.all():
        state, action = np.argwhere(~fine)[0]
        least, total = likely[state, action].min(), sums[state, action]
        raise ValueError(
            f"state {state}, action {action}: these are no probabilities "
            f"(smallest {least:g}, sum {total:g}); a row is at least 0 and adds up to 1"
        )
    return likely
