"""POWER of MDPs of any size, estimated from drawn reward functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.impact.howard import optimal_values
from chisel.impact.transitions import matrix, successors

Sampler = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]
"""Draws rewards `[N, S]`, a row for each reward function, of a given shape."""

_NUMBERS_AT_A_TIME = 2**20
"""Of an array `[N, S, A]`: what is worked on stays in the cache."""
_TIE = 1e-9


@dataclass(frozen=True)
class SampledPower:
    """POWER of every state, with what it is uncertain by."""

    mean: NDArray[np.float64]
    """`[S]`"""
    standard_error: NDArray[np.float64]
    """`[S]`, of the mean; states share their draws, so that differences are known better."""
    optimal: NDArray[np.float64]
    """`[S, A]`, share of draws in which nothing is lost by taking the action once; ties count for
    every one. At γ = 1 one step that can be undone loses nothing."""
    draws: int
    error: float
    """Bound on what solving adds to any draw, from the Bellman residuals."""


def uniform_rewards(generator: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Independent rewards, uniform on [0, 1]."""
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
    """POWER `[S]` and optimality probabilities `[S, A]` from `draws` reward functions.

    Args:
        transitions: Next states `[S, A]` or probabilities `[S, A, S]`.
        gamma: Discount in [0, 1].
        draws: Reward functions, at least 2.
        generator: Of all draws.
        rewards: Their distribution, any.
        tolerance: How exactly each is solved.

    Raises:
        ValueError: On impossible transitions or discount, or fewer than 2 draws.
    """
    if draws < 2:
        raise ValueError(f"draws = {draws}: at least 2, to know the standard error")
    states, actions = transitions.shape[:2]
    total, squares = np.zeros(states), np.zeros(states)
    optimal = np.zeros((states, actions))
    centre, error, done = np.zeros(states), 0.0, 0
    at_a_time = max(1, _NUMBERS_AT_A_TIME // (states * actions))
    while done < draws:
        drawn = rewards(generator, (min(at_a_time, draws - done), states))
        quality, this_error = ability(transitions, drawn, gamma, tolerance=tolerance)
        best = quality.max(axis=-1)
        # Spread is summed around the first mean: squares of nearly equal numbers would cancel.
        centre = centre if done else best.mean(axis=0)
        total += (best - centre).sum(axis=0)
        squares += ((best - centre) ** 2).sum(axis=0)
        optimal += (quality >= best[..., None] - _TIE).sum(axis=0)
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
    """What each action leaves to be had, `[N, S, A]`, and a bound on its error.

    `(1 - γ) E V*_R(s')` of the next state s'; the maximum over actions is
    `(1 - γ)/γ (V*_R(s) - R(s))`, whose mean over rewards is POWER. Defined for every γ in [0, 1].

    Args:
        transitions: Next states `[S, A]` or probabilities `[S, A, S]`.
        rewards: `[N, S]`
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
