"""POWER of the states of an MDP: exact, integrated or sampled.

POWER(s, γ) = (1 - γ)/γ E[V*_R(s, γ) - R(s)] is the average optimal value over reward functions: the
ability to achieve a goal that is not yet known (Turner et al. 2021). At γ = 0 and γ = 1 it is the
limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from chisel.impact.expected_maximum import expected_maximum
from chisel.impact.policy_iteration import optimal_values
from chisel.impact.transitions import TIE, matrix, successors
from chisel.impact.visitation import MOST_POLICIES, futures

Sampler = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]
"""Function that draws rewards of a given shape `[N, S]`, one row per reward function."""

_REPLICATES = 16
"""Number of independently scrambled point sets; the standard error comes from their spread."""
_FIRST_POINTS = 2**10
_LOWEST = 2.0**-32
"""Points stay this far from 0 and 1, where a quantile may be infinite."""
_NUMBERS_AT_A_TIME = 2**20
"""Numbers in an array `[N, S, A]` that is computed at once; it fits the processor's cache."""


class Integral(NamedTuple):
    """An integral over reward functions."""

    mean: float
    """Estimate of the integral."""
    standard_error: float
    """Standard error of the estimate."""
    draws: int
    """Number of reward functions that were evaluated."""


def exact_power(
    transitions: NDArray[Any],
    gamma: float,
    states: Sequence[int] | None = None,
    *,
    most: int = MOST_POLICIES,
) -> NDArray[np.float64]:
    """Compute POWER `[len(states)]` for rewards that are independent and uniform on [0, 1].

    For rewards uniform on [a, b] it is `a + (b - a)` times as much.

    Args:
        transitions: Next states `[S, A]` or probabilities `[S, A, S]`.
        gamma: Discount in [0, 1].
        states: States whose POWER is computed; None for all.
        most: Number of policies after which enumeration gives up.

    Raises:
        TooLargeError: If there are too many policies, or too many states in one block.
        ArithmeticError: If futures are too similar for exact geometry; use sampled_power.
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
    """Compute the probability `[A]` that actions begin an optimal future; rewards are uniform.

    A future that several actions can begin counts for each of them. At γ = 0 the reward of the next
    state is maximised, at γ = 1 the long-run average, by policies that take the action whenever
    they are in the state (Turner et al. 2021).

    Args:
        transitions: Next states `[S, A]` or probabilities `[S, A, S]`.
        gamma: Discount in [0, 1].
        state: State of the agent.
        most: Number of policies after which enumeration gives up.

    Raises:
        TooLargeError: If there are too many policies, or too many states in one block.
        ArithmeticError: If futures are too similar for exact geometry; use sampled_power.
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
    """Estimate POWER for rewards that are independent, each from the same distribution.

    Quasi-Monte Carlo over the enumerated futures: Sobol points, scrambled 16 times, doubled until
    the standard error is small enough.

    Args:
        transitions: Next states `[S, A]` or probabilities `[S, A, S]`.
        gamma: Discount in [0, 1].
        state: State of the agent.
        quantile: Inverse of the distribution function, applied to arrays; `lambda u: u` is uniform.
        generator: Source of the scrambles.
        tolerance: Standard error at which to stop.
        most_draws: Number of rewards after which to stop in any case.
        most: Number of policies after which enumeration gives up.

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


@dataclass(frozen=True)
class SampledPower:
    """Estimates of every state's POWER."""

    mean: NDArray[np.float64]
    """Mean over the draws, `[S]`."""
    standard_error: NDArray[np.float64]
    """Standard error of the mean, `[S]`. States share their draws, so differences between states
    have smaller errors."""
    optimal: NDArray[np.float64]
    """Share of draws in which taking the action once is optimal, `[S, A]`; ties count for all. At
    γ = 1 a step that can be undone is optimal."""
    draws: int
    """Number of reward functions that were drawn."""
    error: float
    """Bound on the error of the solver in any draw, from the Bellman residuals."""


def check_draws(draws: int) -> None:
    """Check that draws are enough for a standard error.

    Raises:
        ValueError: If they are fewer than 2.
    """
    if draws < 2:
        raise ValueError(f"draws = {draws}: at least 2, to know the standard error")


def uniform_rewards(generator: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Draw independent rewards of this shape, uniform on [0, 1]."""
    return generator.random(shape)


def sampled_power(
    transitions: NDArray[Any],
    gamma: float,
    draws: int,
    generator: np.random.Generator,
    *,
    rewards: Sampler = uniform_rewards,
    tolerance: float = 1e-8,
) -> SampledPower:
    """Estimate POWER `[S]` and optimality probabilities `[S, A]` from drawn reward functions.

    Args:
        transitions: Next states `[S, A]` or probabilities `[S, A, S]`.
        gamma: Discount in [0, 1].
        draws: Number of reward functions, at least 2.
        generator: Source of all draws.
        rewards: Distribution of the reward functions.
        tolerance: Tolerance of the solver; see `optimal_values`.

    Raises:
        ValueError: On impossible transitions or discount, or fewer than 2 draws.
    """
    check_draws(draws)
    states, actions = transitions.shape[:2]
    total, squares = np.zeros(states), np.zeros(states)
    optimal = np.zeros((states, actions))
    centre, error, done = np.zeros(states), 0.0, 0
    at_a_time = max(1, _NUMBERS_AT_A_TIME // (states * actions))
    while done < draws:
        drawn = rewards(generator, (min(at_a_time, draws - done), states))
        quality, this_error = ability(transitions, drawn, gamma, tolerance=tolerance)
        best = quality.max(axis=-1)
        # Squares are summed around the first batch's mean: around 0, digits would cancel.
        centre = centre if done else best.mean(axis=0)
        total += (best - centre).sum(axis=0)
        squares += ((best - centre) ** 2).sum(axis=0)
        optimal += (quality >= best[..., None] - TIE).sum(axis=0)
        error, done = max(error, this_error), done + len(drawn)
    shift = total / draws
    variance = np.maximum(squares / draws - shift**2, 0) * draws / (draws - 1)
    return SampledPower(
        mean=np.asarray(shift + centre),
        standard_error=np.sqrt(variance / draws),
        optimal=optimal / draws,
        draws=draws,
        error=error,
    )


def ability(
    transitions: NDArray[Any],
    rewards: NDArray[np.float64],
    gamma: float,
    *,
    tolerance: float = 1e-8,
) -> tuple[NDArray[np.float64], float]:
    """Compute `(1 - γ) E V*_R(s')` of the next state s', `[N, S, A]`, and a bound on its error.

    The maximum over actions is `(1 - γ)/γ (V*_R(s) - R(s))`, whose mean over rewards is POWER. It
    is defined for every γ in [0, 1].

    Args:
        transitions: Next states `[S, A]` or probabilities `[S, A, S]`.
        rewards: Rewards `[N, S]`, paid in each state.
        gamma: Discount in [0, 1].
        tolerance: See `optimal_values`.

    Raises:
        ValueError: On impossible transitions or discount, or rewards of another size.
    """
    best = optimal_values(transitions, rewards, gamma, tolerance=tolerance)
    following = successors(transitions)
    if following is not None:
        return best.values[:, following], best.error
    likely = matrix(transitions)
    ahead = best.values @ likely.reshape(-1, len(likely)).T
    return ahead.reshape(len(rewards), *likely.shape[:2]), best.error
