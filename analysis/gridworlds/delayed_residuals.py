"""Compute residuals and regrets of agents whose true reward is revealed later.

A residual is AUP's score minus the standard agent's; a regret is the best score minus an agent's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chisel import impact
from chisel.analysis.gridworlds.delayed import Task, aup_policy, standard_policy
from chisel.analysis.results import Estimate, mean_over_seeds, t_quantile
from chisel.impact import Revelation

RANDOM = "any reward"


@dataclass(frozen=True)
class Residual:
    """AUP's residuals under one true reward and one time of revelation."""

    world: str
    revelation: str
    truth: str
    standard: float
    """Score of the standard agent, or its mean over random rewards."""
    mean: Estimate
    """Mean over AUP's seeds, and over rewards if they are random."""
    by_seed: NDArray[np.float64]
    """AUP's residual of each seed `[N]`, or its mean over random rewards."""
    median: float
    """Median over seeds, and over rewards if they are random."""
    above: float
    """Share of seeds, and of rewards if they are random, in which AUP scores more."""
    reward_error: float
    """Standard error of the mean residual over random rewards: NaN for a single random reward, 0
    for a given true reward."""
    reference: str
    """Reference residual; empty if there is none for this time of revelation."""


@dataclass(frozen=True)
class Regret:
    """Regrets against the optimal prefix, over random rewards."""

    world: str
    revelation: str
    best: float
    """Score of the optimal prefix, which knows the distribution of rewards but not the true one."""
    standard: float
    """Regret of the standard agent."""
    aup: Estimate
    """Mean regret over AUP's seeds."""
    by_seed: NDArray[np.float64]
    """Regret of AUP for each seed `[N]`."""


_REFERENCE = {
    ("options", RANDOM): "16.290",
    ("options", "true, as coded"): "+471.888",
    ("options", "inverted, as coded"): "-2.020",
    ("options", "true, corner only"): "+496.044",
    ("options", "inverted, corner only"): "-496.044",
    ("damage", RANDOM): ".614 (sd .448)",
    ("damage", "true, as coded"): "+321.7 (sd 233.6)",
    ("damage", "inverted, as coded"): "-13.2 (sd 7.4)",
}
"""Residuals recomputed from tables of the published code, for a revelation after 10 steps and 20
seeds of AUP by Q-learning."""
REFERENCE = {"gamma": 0.996, "time": 10, "weight": 0.01, "auxiliary": 15}


def residuals(
    task: Task,
    revelations: Mapping[str, Revelation],
    *,
    gamma: float,
    weight: float,
    auxiliary: int,
    draws: int,
    seeds: int,
    seed: int,
    reference: str | None,
) -> tuple[list[Residual], list[Regret]]:
    """Score agents from the start under random and true rewards, for every time of revelation.

    Args:
        task: World and its rewards.
        revelations: Times of revelation by name.
        gamma: Discount.
        weight: AUP's λ.
        auxiliary: Number of auxiliary rewards of each AUP agent.
        draws: Number of random true rewards.
        seeds: Number of AUP agents.
        seed: Seed of all random draws.
        reference: Name of the time of revelation that has reference values; `None` if none has.

    Raises:
        ValueError: If the discount is impossible.
    """
    generator = np.random.default_rng([seed, 0])
    drawn = generator.random((draws, len(task.goal)))
    rewards = np.concatenate([drawn, *(one[None] for one in task.true.values())])
    values = impact.values_once_revealed(task.next_state, rewards, gamma)
    policies = [standard_policy(task, gamma)]
    for number in range(seeds):
        own = np.random.default_rng([seed, 1, number]).random((auxiliary, len(task.goal)))
        policies.append(aup_policy(task, gamma, weight, own))
    found: list[Residual] = []
    regrets = []
    for name, revelation in revelations.items():
        known = (rewards, values, gamma, revelation)
        scored = [impact.prefix_score(task.next_state, policy, *known) for policy in policies]
        scores = np.array([each[:, task.start] for each in scored])
        references = _REFERENCE if name == reference else {}
        found += _residuals(task, name, scores, draws, references)
        regrets.append(
            _regret(task, name, scores, rewards[:draws], values[:draws], gamma, revelation)
        )
    return found, regrets


def _residuals(
    task: Task,
    name: str,
    scores: NDArray[np.float64],
    draws: int,
    references: Mapping[tuple[str, str], str],
) -> Iterator[Residual]:
    """Yield residuals from scores `[1 + N, draws + truths]`, the standard agent's first."""
    truths = {RANDOM: slice(0, draws)}
    truths |= {truth: slice(draws + n, draws + n + 1) for n, truth in enumerate(task.true)}
    for truth, columns in truths.items():
        difference = scores[1:, columns] - scores[0, columns]
        by_seed, by_reward = difference.mean(axis=1), difference.mean(axis=0)
        error = _standard_error(by_reward) if truth == RANDOM else 0.0
        yield Residual(
            world=task.world,
            revelation=name,
            truth=truth,
            standard=float(scores[0, columns].mean()),
            mean=mean_residual(by_seed, error, draws),
            by_seed=by_seed,
            median=float(np.median(difference)),
            above=float((difference > 1e-9).mean()),
            reward_error=error,
            reference=references.get((task.world, truth), ""),
        )


def mean_residual(by_seed: NDArray[np.float64], error: float, rewards: int) -> Estimate:
    """Return the mean over seeds `[N]`, and over random rewards, with Student's t interval.

    Both variances are added as if they were independent, so the interval is a little too wide.

    Args:
        by_seed: Residual of each seed, or its mean over random rewards.
        error: Standard error of the mean over random rewards: NaN for a single random reward, 0 for
            a given true reward.
        rewards: Number of random rewards.
    """
    seeds = mean_over_seeds(by_seed)
    of_rewards = t_quantile(rewards) * error if error else 0.0
    spread = seeds.high - seeds.value
    if len(by_seed) > 1 and np.ptp(by_seed) == 0 and of_rewards:
        spread = 0.0  # equal seeds say nothing about their spread, the rewards do
    half = float(np.hypot(spread, of_rewards))
    return Estimate(seeds.value, seeds.value - half, seeds.value + half, seeds.n)


def _standard_error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def _regret(
    task: Task,
    name: str,
    scores: NDArray[np.float64],
    rewards: NDArray[np.float64],
    values: NDArray[np.float64],
    gamma: float,
    revelation: Revelation,
) -> Regret:
    best = impact.optimal_prefix(
        task.next_state,
        rewards.mean(axis=0),
        values.mean(axis=0),
        gamma,
        revelation,
    )
    score = float(best.score[task.start])
    standard, *aup = score - scores[:, : len(rewards)].mean(axis=1)
    return Regret(task.world, name, score, float(standard), mean_over_seeds(aup), np.array(aup))
