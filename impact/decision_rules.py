"""Decision rules, which map the values of options to the probabilities of choosing them.

The rules of Turner and Tadepalli (2022), appendix on decision-making functions. Each maps values
`[N, n]` of n options under N utility functions to probabilities `[N, n]`. Options of equal value
are equally likely.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.impact.transitions import TIE

Rule = Callable[[NDArray[Any]], NDArray[np.float64]]


def argmax(values: NDArray[Any]) -> NDArray[np.float64]:
    """Choose the best option: expected-utility maximisation."""
    return _shared(values >= values.max(axis=1, keepdims=True) - TIE)


def argmin(values: NDArray[Any]) -> NDArray[np.float64]:
    """Choose the worst option: expected-utility minimisation."""
    return argmax(-values)


def indifferent(values: NDArray[Any]) -> NDArray[np.float64]:
    """Choose any option, whatever its value."""
    return _shared(np.ones_like(values, bool))


def boltzmann(temperature: float) -> Rule:
    """Return the rule that chooses with odds `exp(value / temperature)`.

    Raises:
        ValueError: If the temperature is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature = {temperature}: above 0")

    def rule(values: NDArray[Any]) -> NDArray[np.float64]:
        odds = np.exp((values - values.max(axis=1, keepdims=True)) / temperature)
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    return rule


def satisficing(threshold: float) -> Rule:
    """Return the rule that chooses any option with a value of at least `threshold`.

    If no option reaches it, all probabilities are 0.
    """
    return lambda values: _shared(values >= threshold - TIE)


def quantilising(share: float) -> Rule:
    """Return the rule that chooses any of the best `share` of the options.

    The option at the end of that share counts in part.

    Raises:
        ValueError: If the share is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share = {share}: above 0 and at most 1")

    def rule(values: NDArray[Any]) -> NDArray[np.float64]:
        better, equal = _ranks(values)
        count = values.shape[1]
        inside = np.clip((share - better / count) / (equal / count), 0, 1)
        return np.asarray(inside / (share * count))

    return rule


def best_of(draws: int) -> Rule:
    """Return the rule that chooses the best of `draws` options, each drawn from all of them.

    Raises:
        ValueError: If `draws` is below 1.
    """
    if draws < 1:
        raise ValueError(f"draws = {draws}: at least 1")

    def rule(values: NDArray[Any]) -> NDArray[np.float64]:
        better, equal = _ranks(values)
        count = values.shape[1]
        none_better = (1 - better / count) ** draws
        all_worse = (1 - (better + equal) / count) ** draws
        return np.asarray((none_better - all_worse) / equal)

    return rule


def _shared(chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return equal probabilities of the chosen options; zeros where there are none."""
    return np.asarray(chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1))


def _ranks(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count for each option those that are better, and those that are as good, itself included."""
    difference = values[:, None] - values[:, :, None]
    return (difference > TIE).sum(axis=2), (np.abs(difference) <= TIE).sum(axis=2)
