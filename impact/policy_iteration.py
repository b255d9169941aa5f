"""Optimal state values for many rewards at once, by policy iteration (Howard 1960).

A few policies are enough at any discount. If transitions are deterministic, evaluating one costs no
more than a sweep of value iteration: under a policy every state has one successor, so its value
follows from walking along the successors into a cycle and back. That inner loop is compiled.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chisel.impact.compiled import compiled
from chisel.impact.transitions import check_discount, long_run, matrix, successors

_ROUNDING = 1e-14
"""Improvements below this, relative to the largest reward, are rounding."""
_PATIENCE = 1000
"""Number of policies per reward after which iteration stops; more than a few dozen are rare."""
_SOLVED = 1e-11
"""Improvements below this at γ = 1, relative to the largest reward, are rounding of solved
equations."""

_Floats = NDArray[np.float64]
_Ints = NDArray[Any]


class Optimum(NamedTuple):
    """Optimal values of many rewards."""

    values: NDArray[np.float64]
    """`(1 - γ) V*(s)`, `[N, S]`, where V* counts the reward of `s` itself; at γ = 1 the best
    average reward."""
    error: float
    """Bound on the error of every value, from the Bellman residual; rounding is not included."""


def optimal_values(
    transitions: NDArray[Any],
    rewards: NDArray[np.float64],
    gamma: float,
    *,
    tolerance: float = 1e-8,
) -> Optimum:
    """Compute normalised optimal values `[N, S]` of many rewards.

    Args:
        transitions: Next states `[S, A]` or probabilities `[S, A, S]`.
        rewards: Rewards `[N, S]`, paid in each state.
        gamma: Discount in [0, 1].
        tolerance: Error, by the Bellman residual, at which a policy is no longer improved. At γ = 1
            policies are improved until none is better.

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
        values, gaps = _solve_deterministic(following, rewards, float(gamma), tolerance)
        return Optimum(values, _error(float(gaps.max(initial=0.0)), gamma))
    if gamma == 1:
        return _solve_average(matrix(transitions), rewards)
    return _solve_discounted(matrix(transitions), rewards, gamma, tolerance)


def _error(gap: float, gamma: float) -> float:
    """Bound the error of values whose one-step improvements are at most `gap`."""
    return gap / (1 - gamma) if gamma < 1 else gap


def _solve_discounted(
    likely: NDArray[np.float64], rewards: NDArray[np.float64], gamma: float, tolerance: float
) -> Optimum:
    """Solve for random transitions and γ < 1: each policy's values solve its linear equations."""
    count, states = rewards.shape
    rows, onward = np.arange(states), likely.reshape(-1, states).T
    policy = (rewards @ onward).reshape(count, states, -1).argmax(axis=-1)
    slack = _ROUNDING * float(np.abs(rewards).max(initial=0.0))
    values, gap, left = np.empty_like(rewards), np.zeros(count), np.arange(count)
    for _ in range(_PATIENCE):
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


def _solve_average(likely: NDArray[np.float64], rewards: NDArray[np.float64]) -> Optimum:
    """Solve for random transitions and γ = 1: multichain policy iteration (Puterman 1994, 9.2)."""
    states = rewards.shape[1]
    rows, values = np.arange(states), np.empty_like(rewards)
    slack = _SOLVED * float(np.abs(rewards).max(initial=0.0))
    for draw, reward in enumerate(rewards):
        policy = (likely @ reward).argmax(axis=-1)
        for _ in range(_PATIENCE):
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
    """Improve the gain where possible; if it is nowhere, improve the bias among equal gains."""
    rows, best = np.arange(len(policy)), gains.max(axis=-1)
    by_gain = np.where(best > gains[rows, policy] + slack, gains.argmax(axis=-1), policy)
    if (by_gain != policy).any():
        return by_gain
    equal = np.where(gains >= best[:, None] - slack, biases, -np.inf)
    return np.where(
        equal.max(axis=-1) > biases[rows, policy] + slack, equal.argmax(axis=-1), policy
    )


@compiled
def _solve_deterministic(
    following: _Ints, rewards: _Floats, gamma: float, tolerance: float
) -> tuple[_Floats, _Floats]:
    """Solve for deterministic transitions: values `[N, S]` and largest improvements left `[N]`."""
    count, states = rewards.shape
    values, gaps = np.empty((count, states)), np.empty(count)
    policy, bias = np.empty(states, np.int64), np.zeros(states)
    order, seen = np.empty(states, np.int64), np.empty(states, np.int64)
    # At γ = 1 biases are compared, which are sums over whole walks.
    rounding = _ROUNDING if gamma < 1 else 100 * _ROUNDING
    for draw in range(count):
        reward, value = rewards[draw], values[draw]
        slack = rounding * np.abs(reward).max()
        enough = max(slack, tolerance * (1 - gamma))
        for state in range(states):
            policy[state] = 0
            for action in range(1, following.shape[1]):
                if reward[following[state, action]] > reward[following[state, policy[state]]]:
                    policy[state] = action
        for _ in range(_PATIENCE):
            _evaluate(following, policy, reward, gamma, value, bias, order, seen)
            gaps[draw] = _improve(following, policy, gamma, value, bias, slack)
            if gaps[draw] <= enough:
                break
    return values, gaps


@compiled
def _evaluate(
    following: _Ints,
    policy: _Ints,
    reward: _Floats,
    gamma: float,
    value: _Floats,
    bias: _Floats,
    order: _Ints,
    seen: _Ints,
) -> None:
    """Follow the policy from every state into its cycle; compute values back along the walk."""
    seen[:] = -1
    for start in range(len(policy)):
        length, state = 0, start
        while seen[state] < 0:
            seen[state] = start
            order[length] = state
            length += 1
            state = following[state, policy[state]]
        if seen[state] == start:  # reached in this walk: a cycle not known before
            length -= _settle(following, policy, reward, gamma, value, bias, order[:length], state)
        _back(following, policy, reward, gamma, value, bias, order[:length])


@compiled
def _back(
    following: _Ints,
    policy: _Ints,
    reward: _Floats,
    gamma: float,
    value: _Floats,
    bias: _Floats,
    walk: _Ints,
) -> None:
    """Compute values along a walk whose end leads to a state of known value."""
    for step in range(len(walk) - 1, -1, -1):
        state = walk[step]
        after = following[state, policy[state]]
        value[state] = (1 - gamma) * reward[state] + gamma * value[after]
        bias[state] = reward[state] - value[after] + bias[after]


@compiled
def _settle(
    following: _Ints,
    policy: _Ints,
    reward: _Floats,
    gamma: float,
    value: _Floats,
    bias: _Floats,
    walk: _Ints,
    state: int,
) -> int:
    """Compute values on the cycle through `state`, at the end of a walk; return the cycle's length.

    The normalised value is Σ γ^k r_k / Σ γ^k over one round, which takes no differences of nearly
    equal numbers. At γ = 1 it is the average reward, and biases (0 at the lowest state) distinguish
    equal values.
    """
    length, lowest, at = 1, state, following[state, policy[state]]
    while at != state:
        length, lowest, at = length + 1, min(lowest, at), following[at, policy[at]]
    cycle = walk[len(walk) - length :]
    total, weights, weight, at = 0.0, 0.0, 1.0, lowest
    for step in range(length):
        cycle[step] = at
        total += weight * reward[at]
        weights += weight
        weight *= gamma
        at = following[at, policy[at]]
    value[lowest], bias[lowest] = total / weights, 0.0
    _back(following, policy, reward, gamma, value, bias, cycle[1:])
    return length


@compiled
def _improve(
    following: _Ints, policy: _Ints, gamma: float, value: _Floats, bias: _Floats, slack: float
) -> float:
    """Switch to better actions; return the largest improvement of a value.

    At γ = 1 actions of equal value are compared by bias, once no value can be improved.
    """
    gap = 0.0
    for state in range(len(policy)):
        kept = value[following[state, policy[state]]]
        best = policy[state]
        for action in range(following.shape[1]):
            if value[following[state, action]] > value[following[state, best]]:
                best = action
        gain = gamma * (value[following[state, best]] - kept)
        if gain > slack:
            policy[state] = best
            gap = max(gap, gain)
    if gamma < 1 or gap > 0:
        return gap
    for state in range(len(policy)):
        now = following[state, policy[state]]
        best = policy[state]
        for action in range(following.shape[1]):
            after = following[state, action]
            if value[after] >= value[now] - slack and bias[after] > bias[following[state, best]]:
                best = action
        gain = bias[following[state, best]] - bias[now]
        if gain > slack:
            policy[state] = best
            gap = max(gap, gain)
    return gap
