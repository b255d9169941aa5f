"""Optimal action values of many rewards at once, exact to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.impact.transitions import check_discount, matrix, successors

_PATIENCE = 1000
"""Policies tried; a dozen is usual."""
_ROUNDING = 1e-13
"""Improvements below this share of the largest possible value are rounding."""


def optimal_q(
    transitions: NDArray[Any], rewards: NDArray[np.float64], gamma: float
) -> NDArray[np.float64]:
    """Optimal action values `[K, S, A]` by policy iteration (Howard 1960).

    Value iteration would need thousands of sweeps at the discounts of the AUP paper; a policy in a
    deterministic world is evaluated by doubling its steps, which takes a dozen.

    Args:
        transitions: Next states `[S, A]`, or probabilities `[S, A, S]`.
        rewards: `[K, S, A]`; see `step_rewards` for those paid on arrival.
        gamma: Discount in [0, 1).

    Raises:
        ValueError: If γ is out of range, a row of `transitions` is no distribution, or `rewards`
            has another size.
    """
    following = successors(transitions)
    leads = matrix(transitions) if following is None else following
    if check_discount(gamma) == 1:
        raise ValueError("gamma = 1: without a horizon values need a discount below 1")
    if rewards.ndim != 3 or rewards.shape[1:] != transitions.shape[:2]:
        raise ValueError(
            f"rewards {list(rewards.shape)}: [K, {transitions.shape[0]}, {transitions.shape[1]}]"
            " is needed"
        )
    slack = _ROUNDING * float(np.abs(rewards).max(initial=0.0)) / (1 - gamma)
    policy = rewards.argmax(axis=-1)
    for _ in range(_PATIENCE):
        q = rewards + gamma * _ahead(leads, _evaluate(leads, rewards, policy, gamma))
        gain = q.max(axis=-1) - _chosen(q, policy)
        if not (gain > slack).any():
            return q
        policy = np.where(gain > slack, q.argmax(axis=-1), policy)
    raise ArithmeticError("policy iteration found no end: are the rewards finite?")


def reachability(
    next_state: NDArray[np.integer[Any]], rewards: NDArray[np.float64], gamma: float
) -> NDArray[np.float64]:
    """Reachability `[K, S, A]` of what indicator rewards `[K, S, A]` point at: γ^(steps - 1).

    Values clipped to [0, 1], so that arriving is what counts (Krakovna et al. 2018).

    Raises:
        ValueError: If γ is outside [0, 1].
    """
    check_discount(gamma)
    q = np.clip(rewards, 0, 1)
    while True:  # longer ways become known in every round, until there are none
        further = np.clip(rewards + gamma * q.max(axis=-1)[:, next_state], 0, 1)
        if (further == q).all():
            return q
        q = further


def _ahead(leads: NDArray[Any], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected values `[K, S, A]` of the next state."""
    if leads.ndim == 2:
        return np.asarray(values[:, leads])
    return np.asarray(np.einsum("sat,kt->ksa", leads, values, optimize=True))


def _evaluate(
    leads: NDArray[Any],
    rewards: NDArray[np.float64],
    policy: NDArray[np.intp],
    gamma: float,
) -> NDArray[np.float64]:
    """Values `[K, S]` of policies `[K, S]`."""
    paid, states = _chosen(rewards, policy), np.arange(len(leads))
    if leads.ndim == 3:
        chains = leads[states, policy]
        solved = np.linalg.solve(np.eye(len(states)) - gamma * chains, paid[..., None])
        return np.asarray(solved[..., 0])
    to, factor = leads[states, policy], gamma
    while factor > 1e-18:  # what is paid in m steps, and where they lead, becomes that of 2 m
        paid = paid + factor * np.take_along_axis(paid, to, axis=1)
        to = np.take_along_axis(to, to, axis=1)
        factor *= factor
    return paid


def _chosen(q: NDArray[np.float64], policy: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.take_along_axis(q, policy[..., None], axis=-1)[..., 0]
