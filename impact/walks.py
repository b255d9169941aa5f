"""Policy iteration by walking: the inner loop where transitions are certain, compiled.

Under a policy every state has one way out, so its values follow from walking into a cycle and back.
That costs as much as a sweep of value iteration, whatever the discount.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.impact.compiled import compiled

ROUNDING = 1e-14
"""Improvements below this, relative to the largest reward, are rounding."""
PATIENCE = 1000
"""Policies tried per reward; a few dozen are many."""

Floats = NDArray[np.float64]
Ints = NDArray[Any]


@compiled
def improve_by_walking(
    following: Ints, rewards: Floats, gamma: float, tolerance: float
) -> tuple[Floats, Floats]:
    """Certain transitions: values `[N, S]` and the largest improvement left `[N]`."""
    count, states = rewards.shape
    values, gaps = np.empty((count, states)), np.empty(count)
    policy, bias = np.empty(states, np.int64), np.zeros(states)
    order, seen = np.empty(states, np.int64), np.empty(states, np.int64)
    # At γ = 1 biases are compared, which are sums over whole ways.
    rounding = ROUNDING if gamma < 1 else 100 * ROUNDING
    for draw in range(count):
        reward, value = rewards[draw], values[draw]
        slack = rounding * np.abs(reward).max()
        enough = max(slack, tolerance * (1 - gamma))
        for state in range(states):
            policy[state] = 0
            for action in range(1, following.shape[1]):
                if reward[following[state, action]] > reward[following[state, policy[state]]]:
                    policy[state] = action
        for _ in range(PATIENCE):
            _evaluate(following, policy, reward, gamma, value, bias, order, seen)
            gaps[draw] = _improve(following, policy, gamma, value, bias, slack)
            if gaps[draw] <= enough:
                break
    return values, gaps


@compiled
def _evaluate(
    following: Ints,
    policy: Ints,
    reward: Floats,
    gamma: float,
    value: Floats,
    bias: Floats,
    order: Ints,
    seen: Ints,
) -> None:
    """Follow the policy from every state into its cycle, then back along the way."""
    seen[:] = -1
    for start in range(len(policy)):
        length, state = 0, start
        while seen[state] < 0:
            seen[state] = start
            order[length] = state
            length += 1
            state = following[state, policy[state]]
        if seen[state] == start:  # met on this very walk: a cycle not known before
            length -= _settle(following, policy, reward, gamma, value, bias, order[:length], state)
        _back(following, policy, reward, gamma, value, bias, order[:length])


@compiled
def _back(
    following: Ints,
    policy: Ints,
    reward: Floats,
    gamma: float,
    value: Floats,
    bias: Floats,
    way: Ints,
) -> None:
    """Values along a way whose end leads to a state of known value."""
    for step in range(len(way) - 1, -1, -1):
        state = way[step]
        after = following[state, policy[state]]
        value[state] = (1 - gamma) * reward[state] + gamma * value[after]
        bias[state] = reward[state] - value[after] + bias[after]


@compiled
def _settle(
    following: Ints,
    policy: Ints,
    reward: Floats,
    gamma: float,
    value: Floats,
    bias: Floats,
    way: Ints,
    state: int,
) -> int:
    """Values on the cycle through `state`, in which the way ends; returns the cycle's length.

    Over one round it is worth Σ γ^k r_k / Σ γ^k: no difference of nearly equal numbers, and the
    average reward at γ = 1, where biases (zero at the lowest state) tell apart what is equal.
    """
    length, lowest, at = 1, state, following[state, policy[state]]
    while at != state:
        length, lowest, at = length + 1, min(lowest, at), following[at, policy[at]]
    cycle = way[len(way) - length :]
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
    following: Ints, policy: Ints, gamma: float, value: Floats, bias: Floats, slack: float
) -> float:
    """Switch to better actions; the largest improvement of a value found.

    At γ = 1 actions of equal value are told apart by bias, once no value can be improved.
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
