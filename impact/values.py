"""Optimal action values of many rewards at once, exact to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        ValueError: If γ is out of range or a row of `transitions` is no distribution.
    """
    check_transitions(transitions)
    if not 0 <= gamma < 1:
        raise ValueError(f"gamma {gamma}: values without horizon need 0 <= gamma < 1")
    if rewards.ndim != 3 or rewards.shape[1:] != transitions.shape[:2]:
        raise ValueError(
            f"rewards {list(rewards.shape)}: [K, {transitions.shape[0]}, {transitions.shape[1]}]"
            " is needed"
        )
    slack = _ROUNDING * float(np.abs(rewards).max(initial=0.0)) / (1 - gamma)
    policy = rewards.argmax(axis=-1)
    for _ in range(_PATIENCE):
        q = rewards + gamma * _ahead(transitions, _evaluate(transitions, rewards, policy, gamma))
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
    if not 0 <= gamma <= 1:
        raise ValueError(f"gamma {gamma}: a discount lies between 0 and 1")
    q = np.clip(rewards, 0, 1)
    while True:  # longer ways become known in every round, until there are none
        further = np.clip(rewards + gamma * q.max(axis=-1)[:, next_state], 0, 1)
        if (further == q).all():
            return q
        q = further


def check_transitions(transitions: NDArray[Any]) -> None:
    """See to it that each state and action leads somewhere.

    Raises:
        ValueError: If next states `[S, A]` are none, or probabilities `[S, A, S]` do not add up.
    """
    states = len(transitions)
    if transitions.ndim == 2 and np.issubdtype(transitions.dtype, np.integer):
        if transitions.size and transitions.min() >= 0 and transitions.max() < states:
            return
        raise ValueError(f"transitions lead outside the {states} states")
    if transitions.ndim != 3 or transitions.shape[-1] != states:
        raise ValueError(
            f"transitions {list(transitions.shape)}: next states [S, A], whole numbers, or "
            "probabilities [S, A, S] are needed"
        )
    off = (transitions < 0).any(axis=-1) | ~(np.abs(transitions.sum(axis=-1) - 1) < 1e-9)
    if off.any():
        state, action = np.argwhere(off)[0]
        raise ValueError(
            f"transitions: the row of state {state}, action {action} is no distribution "
            f"(sum {transitions[state, action].sum():.6g})"
        )


def _ahead(transitions: NDArray[Any], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected values `[K, S, A]` of the next state."""
    if transitions.ndim == 2:
        return np.asarray(values[:, transitions])
    return np.asarray(np.einsum("sat,kt->ksa", transitions, values, optimize=True))


def _evaluate(
    transitions: NDArray[Any],
    rewards: NDArray[np.float64],
    policy: NDArray[np.intp],
    gamma: float,
) -> NDArray[np.float64]:
    """Values `[K, S]` of policies `[K, S]`."""
    paid, states = _chosen(rewards, policy), np.arange(len(transitions))
    if transitions.ndim == 3:
        chains = transitions[states, policy]
        solved = np.linalg.solve(np.eye(len(states)) - gamma * chains, paid[..., None])
        return np.asarray(solved[..., 0])
    to, factor = transitions[states, policy], gamma
    while factor > 1e-18:  # what is paid in m steps, and where they lead, becomes that of 2 m
        paid = paid + factor * np.take_along_axis(paid, to, axis=1)
        to = np.take_along_axis(to, to, axis=1)
        factor *= factor
    return paid


def _chosen(q: NDArray[np.float64], policy: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.take_along_axis(q, policy[..., None], axis=-1)[..., 0]
