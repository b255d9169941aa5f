"""AUP's penalty beside the change in POWER, in the same world and with the same rewards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.impact.policy_iteration import optimal_values
from chisel.impact.power import Sampler, check_draws, uniform_rewards
from chisel.impact.transitions import matrix


@dataclass(frozen=True)
class PenaltyAndPower:
    """Penalty and change in POWER by state and action, both as normalised values."""

    penalty: NDArray[np.float64]
    """Mean over rewards of `(1 - γ) |Q_R(s, a) - Q_R(s, noop)|`, `[S, A]`. Rewards are paid on
    arrival."""
    penalty_error: NDArray[np.float64]
    """Standard error of the penalty, `[S, A]`."""
    power_change: NDArray[np.float64]
    """`E POWER(s')` after the action minus that after the no-op, `[S, A]`."""
    power_error: NDArray[np.float64]
    """Standard error of the change, `[S, A]`."""
    rank_correlation: float
    """Spearman's correlation of the penalty with the absolute change in POWER, over all states and
    actions but the no-op; nan if one of the two is constant."""


def penalty_and_power(
    transitions: NDArray[Any],
    noop: int,
    gamma: float,
    draws: int,
    generator: np.random.Generator,
    *,
    rewards: Sampler = uniform_rewards,
) -> PenaltyAndPower:
    """Estimate the mean AUP penalty and the change in POWER of every action, relative to the no-op.

    Changes that cancel in POWER do not cancel in the penalty: if rewards have the same mean in all
    states then `penalty >= γ |power_change|`, up to sampling error, by the triangle inequality.

    Args:
        transitions: Next states `[S, A]` or probabilities `[S, A, S]`.
        noop: The action of doing nothing.
        gamma: Discount in [0, 1].
        draws: Number of reward functions, at least 2.
        generator: Source of all draws.
        rewards: Distribution of the reward functions.

    Raises:
        ValueError: On impossible transitions, action or discount, or fewer than 2 draws.
    """
    states, actions = transitions.shape[:2]
    if not 0 <= noop < actions:
        raise ValueError(f"noop = {noop}: actions are 0 to {actions - 1}")
    check_draws(draws)
    likely = matrix(transitions).reshape(-1, states)
    sums = np.zeros((4, states, actions))
    at_a_time = max(1, 2**22 // (states * actions))
    for start in range(0, draws, at_a_time):
        drawn = rewards(generator, (min(at_a_time, draws - start), states))
        values = optimal_values(transitions, drawn, gamma).values
        quality = (values @ likely.T).reshape(-1, states, actions)
        left = quality.max(axis=-1) @ likely.T  # each reward's part of POWER after the action
        penalty = np.abs(quality - quality[..., noop, None])
        power = left.reshape(-1, states, actions)
        change = power - power[..., noop, None]
        sums += [one.sum(axis=0) for one in (penalty, penalty**2, change, change**2)]
    penalty, penalty_error = _mean_and_error(sums[0], sums[1], draws)
    change, change_error = _mean_and_error(sums[2], sums[3], draws)
    others = np.arange(actions) != noop
    return PenaltyAndPower(
        penalty=penalty,
        penalty_error=penalty_error,
        power_change=change,
        power_error=change_error,
        rank_correlation=rank_correlation(
            penalty[:, others].ravel(), np.abs(change[:, others]).ravel()
        ),
    )


def rank_correlation(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Compute Spearman's correlation of two samples `[N]`; nan if one is constant.

    Ties get their mean rank. Values that differ only by rounding are ties.
    """
    ranks = [_ranks(np.asarray(one, np.float64).round(12)) for one in (first, second)]
    centred = [rank - rank.mean() for rank in ranks]
    scale = float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return float((centred[0] * centred[1]).sum()) / scale if scale else float("nan")


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, number, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[number])


def _mean_and_error(
    total: NDArray[np.float64], squares: NDArray[np.float64], draws: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean = total / draws
    variance = np.maximum(squares / draws - mean**2, 0) / (draws - 1)
    return mean, np.sqrt(variance)
