"""Decision rules: from what each option is worth to how likely it is chosen.

The rules of Turner and Tadepalli (2022), appendix on decision-making functions. Each takes values
`[N, n]` of n options under N utility functions and gives probabilities `[N, n]`. Equally good
options are equally likely.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rule = Callable[[NDArray[Any]], NDArray[np.float64]]

_TIE = 1e-9


def argmax(values: NDArray[Any]) -> NDArray[np.float64]:
    """The best option: expected-utility maximisation."""
    return _shared(values >= values.max(axis=1, keepdims=True) - _TIE)


def argmin(values: NDArray[Any]) -> NDArray[np.float64]:
    """The worst option: expected-utility minimisation."""
    return argmax(-values)


def indifferent(values: NDArray[Any]) -> NDArray[np.float64]:
    """Any option, whatever it is worth."""
    return _shared(np.ones_like(values, bool))


def boltzmann(temperature: float) -> Rule:
    """Odds `exp(value / temperature)`.

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
    """Any option that is worth at least `threshold`; if there is none, none is chosen."""
    return lambda values: _shared(values >= threshold - _TIE)


def quantilising(share: float) -> Rule:
    """Any of the best `share` of the options; the last of them is in for what is left of the share.

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
    """The best of `draws` options, each drawn from all of them.

    Raises:
        ValueError: If nothing is drawn.
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
    """Equal probabilities of what is chosen; zeros where nothing is."""
    return np.asarray(chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1))


def _ranks(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many options are better than each, and how many as good, itself included."""
    difference = values[:, None] - values[:, :, None]
    return (difference > _TIE).sum(axis=2), (np.abs(difference) <= _TIE).sum(axis=2)
