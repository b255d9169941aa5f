"""Action values of auxiliary rewards, learnt off-policy by a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.configs import NumericsError
from chisel.models import ActorCritic
from chisel.trainers.aup.bellman import BellmanTargets, TransitionGraph, bellman_targets
from chisel.trainers.aup.last_layer import correct_last_layer
from chisel.trainers.aup.normalizer import ObservationNormalizer
from chisel.trainers.aup.replay import Replay
from chisel.trainers.aup.rewards import AuxiliaryRewards
from chisel.trainers.onpolicy.rollout import RolloutBuffer
from chisel.trainers.runs.optimizer_state import keep_layout


class AuxiliaryValues:
    """Q-learning of K rewards at once, off-policy, from a replay.

    Each call of `learn` takes as many rows as its steps can use, computes targets once (see
    `bellman_targets`), and fits the network to them: each distinct observation with all the actions
    tried there. The network's outputs are `(1 - γ) Q`, a weighted mean of rewards.

    A reward is that of the next observation, also where the episode ends. After a true end the
    value is 0; a time-out doesn't end the values. The network's estimates are clamped to the
    rewards' range, so that estimates of untried actions can't raise each other.

    Args:
        network: The outputs `[B, K * A]` of its policy head are the values; its value head is not
            used.
        rewards: The K rewards.
        gamma: Discount in [0, 1).
        replay: Transitions to learn from.
        batch_size: Observations per optimiser step.
        sweeps: Number of steps that targets look ahead.
        generator: CPU generator that draws from the replay.
        obs_shape: Shape of one observation, in the environment's layout.
        device: Where the network lives.
    """

    def __init__(
        self,
        network: ActorCritic,
        rewards: AuxiliaryRewards,
        *,
        gamma: float,
        replay: Replay,
        batch_size: int,
        sweeps: int,
        generator: torch.Generator,
        obs_shape: tuple[int, ...],
        device: torch.device,
    ) -> None:
        self.network, self.rewards = network.to(device), rewards
        used = [*network.embedder.parameters(), *network.fc_policy.parameters()]
        self.optimizer = keep_layout(torch.optim.Adam(used, fused=True))
        self.normalizer = ObservationNormalizer(obs_shape, device)
        self.gamma, self.batch_size, self.sweeps = gamma, batch_size, sweeps
        self.replay, self.generator = replay, generator

    @torch.no_grad()
    def values(self, obs: Tensor) -> Tensor:
        """Compute Q `[B, K, A]`, in units of the rewards; `obs` have the environment's layout."""
        return self._estimates(obs).transpose(1, 2) / (1 - self.gamma)

    def _estimates(self, obs: Tensor) -> Tensor:
        """Estimate `(1 - γ) Q` `[B, A, K]`, clamped to the rewards' range."""
        return self._outputs(obs).clamp(self.rewards.low, self.rewards.high)

    def _outputs(self, obs: Tensor) -> Tensor:
        """Estimate `(1 - γ) Q` `[B, A, K]`, as the network puts it out."""
        outputs: Tensor = self.network.fc_policy(self._features(obs))
        return outputs.reshape(len(obs), -1, self.rewards.num)

    def _features(self, obs: Tensor) -> Tensor:
        """Compute the inputs `[B, H]` of the last layer."""
        return self.network.features(self.normalizer(obs).movedim(-1, 1).contiguous())

    def add(self, buffer: RolloutBuffer, counts: NDArray[np.float64] | None = None) -> None:
        """Add a rollout, which must have `next_obs`, to the replay; see `Replay.add`."""
        names = ("obs", "actions", "next_obs", "terminated")
        rows = {name: buffer.flat(name) for name in names}
        self.replay.add(rows | {"rewards": self.rewards(rows["next_obs"])}, counts)

    def learn(self, updates: int, *, learning_rate: float) -> float:
        """Take optimiser steps and return the mean absolute error of `(1 - γ) Q`.

        Raises:
            NumericsError: The error is not finite.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        order = torch.randperm(len(self.replay), generator=self.generator)
        obs, targets = self._targets(self.replay.rows(order[: updates * self.batch_size]))
        total = torch.zeros((), device=obs.device)
        for _ in range(updates):
            batch = self._batch(len(obs)).to(obs.device)
            tried = targets.tried[batch].unsqueeze(2)
            error = (self._outputs(obs[batch]) - targets.values[batch]) * tried
            self.optimizer.zero_grad()
            count = tried.sum() * self.rewards.num
            (error.square().sum() / count).backward()  # type: ignore[no-untyped-call]  # torch's
            self.optimizer.step()
            total += error.detach().abs().sum() / count
        self._correct(obs, targets)
        if not bool(torch.isfinite(total)):
            raise NumericsError("auxiliary values are not finite; lower algo.aux.learning_rate")
        return float(total) / updates

    @torch.no_grad()
    def _correct(self, obs: Tensor, targets: BellmanTargets) -> None:
        """Remove what error is left by least squares; see `correct_last_layer`."""
        errors = targets.values - self._outputs(obs)
        correct_last_layer(self.network.fc_policy, self._features(obs), errors, targets.tried)

    def _batch(self, count: int) -> Tensor:
        """Return rows of a batch: all if they are few enough, or some drawn at random."""
        if count <= self.batch_size:
            return torch.arange(count)
        return torch.randint(count, (self.batch_size,), generator=self.generator)

    @torch.no_grad()
    def _targets(self, rows: dict[str, Tensor]) -> tuple[Tensor, BellmanTargets]:
        """Compute the distinct observations `[M, ...]` that were acted on, and their targets."""
        hashes = [self.replay.observation_hash(rows[name]) for name in ("obs", "next_obs")]
        _, first, numbers = np.unique(
            np.concatenate(hashes), return_index=True, return_inverse=True
        )
        device, count = rows["obs"].device, len(rows["obs"])
        places = torch.from_numpy(numbers.reshape(-1)).to(device)
        distinct = torch.cat([rows["obs"], rows["next_obs"]])[torch.from_numpy(first).to(device)]
        self.normalizer.update(distinct)
        graph = TransitionGraph(
            obs=places[:count],
            action=rows["actions"],
            next_obs=places[count:],
            terminated=rows["terminated"],
            weight=rows["weight"],
        )
        estimates = self._estimates(distinct)
        found = bellman_targets(
            graph, rows["rewards"], estimates, gamma=self.gamma, sweeps=self.sweeps
        )
        acted_on = found.tried.any(1)
        targets = BellmanTargets(found.values[acted_on], found.tried[acted_on])
        return distinct[acted_on], targets

    def get_state(self) -> dict[str, Any]:
        """Return the states of network, optimiser, normaliser, replay, rewards and generator."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "standardizer": self.normalizer.get_state(),
            "replay": self.replay.get_state(),
            "rewards": self.rewards.get_state(),
            "generator": self.generator.get_state(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.normalizer.set_state(state["standardizer"])
        self.replay.set_state(state["replay"])
        self.rewards.set_state(state["rewards"])
        self.generator.set_state(state["generator"].cpu())
