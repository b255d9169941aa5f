"""POWER of small MDPs: the average optimal value over reward functions, exactly or integrated.

POWER(s, γ) = (1 - γ)/γ E[V*_R(s, γ) - R(s)]: how well the future can be made to suit a goal that is
not yet known (Turner et al. 2021), with its limits at γ = 0 and γ = 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from chisel.impact.expected_maximum import expected_maximum
from chisel.impact.visits import MOST_POLICIES, futures

_REPLICATES = 16
"""Independent scrambles; their spread is the standard error."""
_FIRST_POINTS = 2**10
_LOWEST = 2.0**-32
"""Keeps points off 0 and 1, where a quantile may be infinite."""


class Integral(NamedTuple):
    """An integral over reward functions."""

    mean: float
    standard_error: float
    draws: int


def exact_power(
    transitions: NDArray[Any],
    gamma: float,
    states: Sequence[int] | None = None,
    *,
    most: int = MOST_POLICIES,
) -> NDArray[np.float64]:
    """POWER `[len(states)]` for rewards that are independent and uniform on [0, 1].

    For rewards uniform on [a, b] it is `a + (b - a)` times as much.

    Args:
        transitions: Next states `[S, A]` or probabilities `[S, A, S]`.
        gamma: Discount in [0, 1].
        states: Which; None for all.
        most: Policies to enumerate before giving up.

    Raises:
        TooLargeError: If there are too many policies, or too many states that belong together.
        ArithmeticError: If futures are too alike for the geometry; sampled_power needs none.
        ValueError: On impossible transitions, states or discount.
    """
    wanted = range(len(transitions)) if states is None else states
    return np.array(
        [
            expected_maximum(futures(transitions, state, gamma, most=most).forms).mean
            for state in wanted
        ]
    )


def optimality_probability(
    transitions: NDArray[Any], gamma: float, state: int, *, most: int = MOST_POLICIES
) -> NDArray[np.float64]:
    """Probability `[A]` that each action begins an optimal future, for uniform rewards.

    What several actions can begin counts for each of them. At γ = 0 what is optimal is the next
    state, at γ = 1 the long-run average, of policies that take the action whenever they are in the
    state (Turner et al. 2021).

    Raises:
        TooLargeError: If there are too many policies, or too many states that belong together.
        ArithmeticError: If futures are too alike for the geometry; sampled_power needs none.
        ValueError: On impossible transitions, state or discount.
    """
    found = futures(transitions, state, gamma, most=most)
    return np.asarray(expected_maximum(found.forms).shares @ found.first)


def integrated_power(
    transitions: NDArray[Any],
    gamma: float,
    state: int,
    quantile: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    generator: np.random.Generator,
    *,
    tolerance: float = 1e-4,
    most_draws: int = 2**24,
    most: int = MOST_POLICIES,
) -> Integral:
    """POWER for rewards that are independent, each from the same distribution.

    Quasi-Monte Carlo over the enumerated futures: Sobol points, scrambled 16 times, doubled until
    the scrambles agree.

    Args:
        transitions: Next states `[S, A]` or probabilities `[S, A, S]`.
        gamma: Discount in [0, 1].
        state: Where the agent is.
        quantile: Inverse of the distribution function, applied to arrays; `lambda u: u` is uniform.
        generator: Of the scrambles.
        tolerance: Standard error at which to stop.
        most_draws: Rewards after which to stop in any case.
        most: Policies to enumerate before giving up.

    Raises:
        TooLargeError: If there are too many policies.
        ValueError: On impossible transitions, state or discount.
    """
    forms = futures(transitions, state, gamma, most=most).forms
    forms = forms[:, forms.any(axis=0)]
    sobol: Any = torch.quasirandom.SobolEngine  # has no type
    engines = [
        sobol(forms.shape[1], scramble=True, seed=int(seed))
        for seed in generator.integers(2**31, size=_REPLICATES)
    ]
    sums, drawn, points = np.zeros(_REPLICATES), 0, _FIRST_POINTS
    while True:
        for number, engine in enumerate(engines):
            uniform = engine.draw(points, dtype=torch.float64).numpy().clip(_LOWEST, 1 - _LOWEST)
            sums[number] += (quantile(uniform) @ forms.T).max(axis=1).sum()
        drawn += points
        means = sums / drawn
        error = float(means.std(ddof=1) / np.sqrt(_REPLICATES))
        if error <= tolerance or 2 * drawn * _REPLICATES > most_draws:
            return Integral(float(means.mean()), error, drawn * _REPLICATES)
        points = drawn
