"""Delayed specification: policies for the time before the true reward is known.

Until a time T the agent follows a prefix policy. Then the true reward R is revealed, and it acts
optimally for R. The score of a prefix is `Σ_{i<T} γ^i R(s_i) + γ^T V*_R(s_T)`, in expectation over
T and R. The optimal prefix trades the expected reward off against the ability to achieve a range of
rewards later, which is POWER up to scale (Turner, Saxena and Tadepalli 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chisel.impact.policy_iteration import optimal_values
from chisel.impact.transitions import matrix


@dataclass(frozen=True)
class Revelation:
    """Probabilities that the true reward is revealed at a step if it was not revealed before."""

    probabilities: NDArray[np.float64]
    """Probabilities at steps 0 to T - 1, `[T]`."""
    later: float
    """Probability at every step from T on."""

    def __post_init__(self) -> None:
        """Check the probabilities.

        Raises:
            ValueError: If one is outside [0, 1].
        """
        every = np.append(self.probabilities, self.later)
        if not ((every >= 0) & (every <= 1)).all():
            raise ValueError(f"probabilities of being revealed lie between 0 and 1, not {every}")

    @classmethod
    def at(cls, time: int) -> Revelation:
        """Reveal the reward after `time` steps.

        Raises:
            ValueError: If the time is negative.
        """
        if time < 0:
            raise ValueError(f"time = {time}: at least 0")
        return cls(np.zeros(time), 1.0)

    @classmethod
    def geometric(cls, probability: float, first: int = 1) -> Revelation:
        """Reveal the reward with the same probability at every step from `first` on.

        Raises:
            ValueError: If the probability is outside [0, 1].
        """
        return cls(cls.at(first).probabilities, probability)

    @classmethod
    def random(cls, probabilities: ArrayLike) -> Revelation:
        """Reveal the reward after 0, 1, 2, … steps with these probabilities `[T]`.

        Raises:
            ValueError: If they do not add up to 1, or one is negative.
        """
        likely = np.asarray(probabilities, np.float64)
        if likely.ndim != 1 or not ((likely >= 0).all() and abs(likely.sum() - 1) < 1e-9):
            raise ValueError(f"probabilities of times are at least 0 and add up to 1, not {likely}")
        left = np.cumsum(likely[::-1])[::-1]  # probability that it was not revealed before
        probabilities = np.divide(likely, left, out=np.ones_like(likely), where=left > 0)
        return cls(np.minimum(probabilities, 1), 1.0)


class Prefix(NamedTuple):
    """The optimal policy until the true reward is revealed."""

    policy: NDArray[np.int64]
    """`[T + 1, S]`, actions by step; the last row is for step T and all later ones."""
    score: NDArray[np.float64]
    """`[S]`, expected score from each start."""


def values_once_revealed(
    transitions: NDArray[Any], rewards: NDArray[np.float64], gamma: float
) -> NDArray[np.float64]:
    """Compute `V*_R` `[K, S]` of every possible reward `[K, S]`, including that of the state
    itself.

    Raises:
        ValueError: On impossible transitions, or unless 0 <= gamma < 1: sums without discount have
            no limit.
    """
    _check(gamma)
    return optimal_values(transitions, rewards, gamma).values / (1 - gamma)


def optimal_prefix(
    transitions: NDArray[Any],
    mean_reward: NDArray[np.float64],
    mean_value: NDArray[np.float64],
    gamma: float,
    revelation: Revelation,
) -> Prefix:
    """Compute the prefix of the highest expected score.

    With the probability h_i that the reward is revealed at step i,
    `U_i(s) = h_i E V*_R(s) + (1 - h_i) (E R(s) + γ max_a E U_{i+1}(s'))`.

    Args:
        transitions: Next states `[S, A]` or probabilities `[S, A, S]`.
        mean_reward: `[S]`, E R(s) under the belief at the start.
        mean_value: `[S]`, E V*_R(s), a mean over `values_once_revealed`.
        gamma: Discount, below 1.
        revelation: Time at which the reward is revealed.

    Raises:
        ValueError: On impossible transitions or discount.
    """
    _check(gamma)
    likely = matrix(transitions)
    later = revelation.later
    paid = later * mean_value + (1 - later) * mean_reward
    # Once the probability h stays the same, this is an MDP discounted by γ (1 - h).
    discount = gamma * (1 - later)
    settled = optimal_values(transitions, paid[None], discount, tolerance=1e-12).values[0]
    score = settled / (1 - discount)
    policy = [(likely @ score).argmax(axis=1)]
    for probability in revelation.probabilities[::-1]:
        ahead = likely @ score
        policy.append(ahead.argmax(axis=1))
        going_on = mean_reward + gamma * ahead.max(axis=1)
        score = probability * mean_value + (1 - probability) * going_on
    return Prefix(np.array(policy[::-1]), score)


def prefix_score(
    transitions: NDArray[Any],
    policy: NDArray[Any],
    rewards: NDArray[np.float64],
    values: NDArray[np.float64],
    gamma: float,
    revelation: Revelation,
) -> NDArray[np.float64]:
    """Compute scores `[K, S]` of a prefix under each true reward, from each start.

    A residual is the difference of two scores. The regret of a prefix is the optimal prefix's score
    minus its own.

    Args:
        transitions: Next states `[S, A]` or probabilities `[S, A, S]`.
        policy: Actions `[S]`, or by step `[N, S]`; the last row is for all later steps.
        rewards: True rewards `[K, S]`.
        values: `V*_R` `[K, S]`, see `values_once_revealed`.
        gamma: Discount, below 1.
        revelation: Time at which the reward is revealed.

    Raises:
        ValueError: On impossible transitions or discount.
    """
    _check(gamma)
    likely = matrix(transitions)
    states, later, probabilities = len(likely), revelation.later, revelation.probabilities
    steps = np.atleast_2d(np.asarray(policy, np.int64))
    chains = likely[np.arange(states), steps]  # [N, S, S]
    # From step `settled` on neither the policy nor the probability changes any more.
    settled = max(len(probabilities), len(steps) - 1)
    paid = later * values + (1 - later) * rewards
    score = np.linalg.solve(np.eye(states) - gamma * (1 - later) * chains[-1], paid.T).T
    for step in range(settled - 1, -1, -1):
        probability = probabilities[step] if step < len(probabilities) else later
        ahead = score @ chains[min(step, len(chains) - 1)].T
        score = probability * values + (1 - probability) * (rewards + gamma * ahead)
    return score


def _check(gamma: float) -> None:
    if not 0 <= gamma < 1:
        raise ValueError(f"gamma = {gamma}: at least 0 and below 1, or sums have no limit")
