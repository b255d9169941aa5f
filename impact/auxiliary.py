"""Auxiliary rewards, and their optimal action values, exact up to rounding."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chisel.impact.transitions import TIE, check_discount, matrix, successors

Ends = Literal["zero", "absorbing"]
"""Value of a terminal state: zero, or the value of receiving its reward in every later step."""


def random_rewards(
    count: int, labels: NDArray[np.integer[Any]], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Draw rewards `[K, S]`, uniform on [0, 1] and equal in states that have the same label.

    Args:
        count: Number of reward functions, K.
        labels: `[S]`, numbers from 0: boards for rewards of observations, `arange(S)` for rewards
            of states.
        generator: Source of the draws.
    """
    return generator.random((count, int(labels.max()) + 1))[:, labels]


def indicator_rewards(labels: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return rewards `[L, S]`, 1 in states with label l and 0 elsewhere (relative reachability)."""
    return np.asarray(np.arange(int(labels.max()) + 1)[:, None] == labels, np.float64)


def step_rewards(
    rewards: NDArray[np.float64],
    next_state: NDArray[np.integer[Any]],
    terminal: NDArray[np.bool_],
    ends: Ends = "zero",
) -> NDArray[np.float64]:
    """Turn rewards `[K, S]`, paid on arrival, into rewards `[K, S, A]` of steps.

    A terminal state leads to itself: it pays in every step with "absorbing", never with "zero".

    Raises:
        ValueError: If `rewards` does not have one column for each state, or is not finite.
    """
    if rewards.ndim != 2 or rewards.shape[1] != len(next_state):
        raise ValueError(
            f"auxiliary rewards {list(rewards.shape)}: a row for each, with {len(next_state)} "
            "states, is needed"
        )
    if not np.isfinite(rewards).all():
        raise ValueError("auxiliary rewards must be finite numbers")
    paid = rewards[:, next_state]
    if ends == "zero":
        paid[:, terminal] = 0
    return paid


_PATIENCE = 1000
"""Number of policies after which policy iteration gives up; a dozen is usual."""
_ROUNDING = 1e-13
"""Improvements below this share of the largest possible value are rounding."""


def optimal_q(
    transitions: NDArray[Any], rewards: NDArray[np.float64], gamma: float
) -> NDArray[np.float64]:
    """Compute optimal action values `[K, S, A]` by policy iteration (Howard 1960).

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
    raise ArithmeticError("policy iteration does not end: are the rewards finite?")


def optimal_actions(
    transitions: NDArray[Any], rewards: NDArray[np.float64], gamma: float
) -> NDArray[np.intp]:
    """Compute the lowest optimal action of each state `[S]`; values equal up to rounding are ties.

    Args:
        transitions: Next states `[S, A]`, or probabilities `[S, A, S]`.
        rewards: Rewards of steps `[S, A]`.
        gamma: Discount in [0, 1).

    Raises:
        ValueError: As `optimal_q` does.
    """
    values = optimal_q(transitions, rewards[None], gamma)[0]
    return np.asarray((values >= values.max(axis=-1, keepdims=True) - TIE).argmax(axis=-1))


def reachability(
    next_state: NDArray[np.integer[Any]], rewards: NDArray[np.float64], gamma: float
) -> NDArray[np.float64]:
    """Compute the reachability `[K, S, A]` of marked states: γ^(steps - 1) after the best steps.

    It is the auxiliary value clipped to [0, 1], so that only the first arrival counts (Krakovna et
    al. 2018).

    Args:
        next_state: Next states `[S, A]`.
        rewards: Indicators `[K, S, A]`: 1 for steps that arrive in a marked state, else 0.
        gamma: Discount in [0, 1].

    Raises:
        ValueError: If γ is outside [0, 1].
    """
    check_discount(gamma)
    q = np.clip(rewards, 0, 1)
    while True:  # each round adds the paths that are one step longer
        further = np.clip(rewards + gamma * q.max(axis=-1)[:, next_state], 0, 1)
        if (further == q).all():
            return q
        q = further


def _ahead(leads: NDArray[Any], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute expected values `[K, S, A]` of the next state."""
    if leads.ndim == 2:
        return np.asarray(values[:, leads])
    return np.asarray(np.einsum("sat,kt->ksa", leads, values, optimize=True))


def _evaluate(
    leads: NDArray[Any],
    rewards: NDArray[np.float64],
    policy: NDArray[np.intp],
    gamma: float,
) -> NDArray[np.float64]:
    """Compute values `[K, S]` of policies `[K, S]`."""
    paid, states = _chosen(rewards, policy), np.arange(len(leads))
    if leads.ndim == 3:
        chains = leads[states, policy]
        solved = np.linalg.solve(np.eye(len(states)) - gamma * chains, paid[..., None])
        return np.asarray(solved[..., 0])
    to, factor = leads[states, policy], gamma
    while factor > 1e-18:  # from rewards and successors of m steps to those of 2 m steps
        paid = paid + factor * np.take_along_axis(paid, to, axis=1)
        to = np.take_along_axis(to, to, axis=1)
        factor *= factor
    return paid


def _chosen(q: NDArray[np.float64], policy: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.take_along_axis(q, policy[..., None], axis=-1)[..., 0]
