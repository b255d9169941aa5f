"""Running normalisation of rewards by the standard deviation of the discounted return."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class RewardNormalizer:
    """Divides rewards by the running standard deviation of each environment's discounted return.

    The same rule as Gymnasium's `NormalizeReward` and Baselines' `VecNormalize(ob=False)`: the
    return of a step is counted before the end of an episode resets it, and a reward is divided by
    statistics that already include it. A call takes a whole rollout, so that several processes can
    normalise all their rewards together and agree to the last bit.

    Args:
        num_envs: Environments over all processes.
        gamma: Discount of the return.
        clip: Normalised rewards are clipped to [-clip, clip].
        eps: Added to the variance.
    """

    def __init__(self, num_envs: int, *, gamma: float, clip: float, eps: float = 1e-8) -> None:
        self.gamma, self.clip, self.eps = gamma, clip, eps
        self.returns = np.zeros(num_envs)
        self.mean, self.var, self.count = 0.0, 1.0, 1e-4

    def __call__(
        self, rewards: NDArray[np.float64], dones: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Normalise a rollout's rewards `[T, N]`, given which steps `[T, N]` ended an episode."""
        normalised = np.empty_like(rewards, dtype=np.float64)
        for t, (reward, done) in enumerate(zip(rewards, dones, strict=True)):
            self.returns = self.returns * self.gamma + reward
            self._update(self.returns)
            normalised[t] = reward / np.sqrt(self.var + self.eps)
            self.returns[done] = 0.0
        return normalised.clip(-self.clip, self.clip)

    def _update(self, batch: NDArray[np.float64]) -> None:
        """Merge the moments of one step (Chan et al. 1979, parallel variance)."""
        mean, var, count = float(batch.mean()), float(batch.var()), batch.size
        total = self.count + count
        delta = mean - self.mean
        squares = self.var * self.count + var * count + delta**2 * self.count * count / total
        self.mean += delta * count / total
        self.var, self.count = squares / total, total

    def adopt(self, moments: list[float]) -> None:
        """Take over another run's mean, variance and count; returns start at 0."""
        self.mean, self.var, self.count = moments

    def get_state(self) -> dict[str, object]:
        """Return everything that the next call depends on, as plain values."""
        moments = [self.mean, self.var, self.count]
        return {"returns": self.returns.tolist(), "moments": moments}

    def set_state(self, state: dict[str, object]) -> None:
        """Go on from `get_state`."""
        self.returns = np.array(state["returns"], dtype=np.float64)
        self.adopt(state["moments"])  # type: ignore[arg-type]  # plain checkpoint
