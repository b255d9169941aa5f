"""Optimal values for many rewards at once, by policy iteration (Howard 1960).

A handful of policies is enough at any discount. Where transitions are certain, trying one costs no
more than a sweep of value iteration (see `walks`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chisel.impact.chains import long_run
from chisel.impact.transitions import check_discount, matrix, successors
from chisel.impact.walks import PATIENCE, ROUNDING, improve_by_walking

_SOLVED = 1e-11
"""Rounding at γ = 1, relative to rewards: solving equations is less exact than walking."""


class Optimum(NamedTuple):
    """Optimal values of rewards."""

    values: NDArray[np.float64]
    """`[N, S]`, `(1 - γ) V*(s)`, where V* counts the reward of `s` itself; at γ = 1 the best
    average reward."""
    error: float
    """No value is further from the truth, by the Bellman residual: rounding left aside."""


def optimal_values(
    transitions: NDArray[Any],
    rewards: NDArray[np.float64],
    gamma: float,
    *,
    tolerance: float = 1e-8,
) -> Optimum:
    """Normalised optimal values `[N, S]` of many rewards.

    Args:
        transitions: Next states `[S, A]` or probabilities `[S, A, S]`.
        rewards: `[N, S]`, paid in each state.
        gamma: Discount in [0, 1].
        tolerance: A policy whose values are closer to optimal, as far as its Bellman residual
            tells, is good enough. At γ = 1 policies are improved until nothing is left to improve.

    Raises:
        ValueError: On impossible transitions or discount, or rewards of another size.
    """
    check_discount(gamma)
    rewards = np.ascontiguousarray(rewards, np.float64)
    if rewards.ndim != 2 or rewards.shape[1] != len(transitions):
        raise ValueError(f"rewards {list(rewards.shape)}: one row per draw of {len(transitions)}")
    if not np.isfinite(rewards).all():
        raise ValueError("rewards are finite numbers, but some of these are not")
    following = successors(transitions)
    if following is not None:
        values, gaps = improve_by_walking(following, rewards, float(gamma), tolerance)
        return Optimum(values, _error(float(gaps.max(initial=0.0)), gamma))
    if gamma == 1:
        return _by_gain(matrix(transitions), rewards)
    return _by_equations(matrix(transitions), rewards, gamma, tolerance)


def _error(gap: float, gamma: float) -> float:
    """By how much values may fall short whose one-step improvements are at most `gap`."""
    return gap / (1 - gamma) if gamma < 1 else gap


def _by_equations(
    likely: NDArray[np.float64], rewards: NDArray[np.float64], gamma: float, tolerance: float
) -> Optimum:
    """Chance and γ < 1: each policy's values solve its linear equations."""
    count, states = rewards.shape
    rows, onward = np.arange(states), likely.reshape(-1, states).T
    policy = (rewards @ onward).reshape(count, states, -1).argmax(axis=-1)
    slack = ROUNDING * float(np.abs(rewards).max(initial=0.0))
    values, gap, left = np.empty_like(rewards), np.zeros(count), np.arange(count)
    for _ in range(PATIENCE):
        system = np.eye(states) - gamma * likely[rows, policy[left]]
        right = (1 - gamma) * rewards[left]
        values[left] = np.linalg.solve(system, right[..., None])[..., 0]
        ahead = gamma * (values[left] @ onward).reshape(len(left), states, -1)
        chosen = np.take_along_axis(ahead, policy[left][..., None], axis=-1)[..., 0]
        gains = ahead.max(axis=-1) - chosen
        gap[left] = gains.max(axis=-1)
        policy[left] = np.where(gains > slack, ahead.argmax(axis=-1), policy[left])
        left = left[gap[left] > max(slack, tolerance * (1 - gamma))]
        if not len(left):
            break
    return Optimum(values, _error(float(gap.max(initial=0.0)), gamma))


def _by_gain(likely: NDArray[np.float64], rewards: NDArray[np.float64]) -> Optimum:
    """Chance and γ = 1: multichain policy iteration (Puterman 1994, section 9.2)."""
    states = rewards.shape[1]
    rows, values = np.arange(states), np.empty_like(rewards)
    slack = _SOLVED * float(np.abs(rewards).max(initial=0.0))
    for draw, reward in enumerate(rewards):
        policy = (likely @ reward).argmax(axis=-1)
        for _ in range(PATIENCE):
            chain = likely[rows, policy]
            limit = long_run(chain)
            gain = limit @ reward
            bias = np.linalg.solve(np.eye(states) - chain + limit, reward - gain)
            better = _better(likely @ gain, likely @ bias, policy, slack)
            if (better == policy).all():
                break
            policy = better
        values[draw] = gain
    return Optimum(values, slack)


def _better(
    gains: NDArray[np.float64], biases: NDArray[np.float64], policy: NDArray[np.intp], slack: float
) -> NDArray[np.intp]:
    """Improve the gain where that is possible; if nowhere, the bias among equal gains."""
    rows, best = np.arange(len(policy)), gains.max(axis=-1)
    by_gain = np.where(best > gains[rows, policy] + slack, gains.argmax(axis=-1), policy)
    if (by_gain != policy).any():
        return by_gain
    equal = np.where(gains >= best[:, None] - slack, biases, -np.inf)
    return np.where(
        equal.max(axis=-1) > biases[rows, policy] + slack, equal.argmax(axis=-1), policy
    )
