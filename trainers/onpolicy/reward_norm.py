"""Normalise rewards by the running standard deviation of the discounted return."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class RewardNormalizer:
    """Divides rewards by the running standard deviation of each environment's discounted return.

    The rule is that of Gymnasium's `NormalizeReward` and Baselines' `VecNormalize(ob=False)`: a
    step's return is counted before the end of an episode resets it, and a reward is divided by
    statistics that already include it. A call takes a whole rollout, so that several processes can
    normalise all their rewards together and agree to the last bit.

    Args:
        num_envs: Number of environments of all processes.
        gamma: Discount of the return, in [0, 1].
        clip: Normalised rewards are clipped to [-clip, clip].
        eps: Number added to the variance.
    """

    def __init__(self, num_envs: int, *, gamma: float, clip: float, eps: float = 1e-8) -> None:
        self.gamma, self.clip, self.eps = gamma, clip, eps
        self.returns = np.zeros(num_envs)
        self.mean, self.var, self.count = 0.0, 1.0, 1e-4

    def __call__(
        self, rewards: NDArray[np.float64], dones: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return a rollout's normalised rewards `[T, N]`.

        Args:
            rewards: The rewards, `[T, N]`.
            dones: Whether each step ended an episode, `[T, N]`.
        """
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
        """Return the state that the next call needs, as plain values."""
        moments = [self.mean, self.var, self.count]
        return {"returns": self.returns.tolist(), "moments": moments}

    def set_state(self, state: dict[str, object]) -> None:
        """Go on from `get_state`."""
        self.returns = np.array(state["returns"], dtype=np.float64)
        self.adopt(state["moments"])  # type: ignore[arg-type]  # plain checkpoint


class DeviceRewardNormalizer:
    """Normalises as `RewardNormalizer` does, up to rounding, but on the rewards' device.

    Nothing waits for the device before `get_state`. Arguments and state are the same.
    """

    def __init__(self, num_envs: int, *, gamma: float, clip: float, eps: float = 1e-8) -> None:
        self.gamma, self.clip, self.eps = gamma, clip, eps
        self.returns = torch.zeros(num_envs, dtype=torch.float64)
        self.moments = torch.tensor([0.0, 1.0, 1e-4], dtype=torch.float64)
        """Mean, variance and count."""

    def __call__(self, rewards: Tensor, dones: Tensor) -> Tensor:
        """Normalise a rollout's rewards float32 `[T, N]`; see `RewardNormalizer`."""
        running = self.returns.to(rewards.device)
        mean, var, count = self.moments.to(rewards.device)
        exact, alive = rewards.double(), (~dones).double()
        returns = torch.empty_like(exact)
        for t in range(len(exact)):
            running = running * self.gamma + exact[t]
            returns[t] = running
            running = running * alive[t]
        sizes = torch.full_like(returns[:, 0], rewards.shape[1])
        counts = count + sizes.cumsum(0)
        # Centre around the old mean, so that a large mean costs no precision.
        centred = returns - mean
        shifts = centred.sum(1).cumsum(0) / counts
        squares = var * count + centred.square().sum(1).cumsum(0)
        variances = squares / counts - shifts.square()
        self.returns = running
        self.moments = torch.stack([mean + shifts[-1], variances[-1], counts[-1]])
        scales = (variances + self.eps).sqrt().unsqueeze(1)
        normalised: Tensor = exact / scales
        return normalised.clamp(-self.clip, self.clip).float()

    def adopt(self, moments: list[float]) -> None:
        """Take over another run's mean, variance and count; returns start at 0."""
        self.moments = torch.tensor(moments, dtype=torch.float64)

    def get_state(self) -> dict[str, object]:
        """Return the state that the next call needs, as plain values."""
        return {"returns": self.returns.tolist(), "moments": self.moments.tolist()}

    def set_state(self, state: dict[str, object]) -> None:
        """Go on from `get_state`."""
        self.returns = torch.tensor(state["returns"], dtype=torch.float64)
        self.adopt(state["moments"])  # type: ignore[arg-type]  # plain checkpoint
