"""Action values of auxiliary rewards, learnt by a network from what was seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.configs import NumericsError
from chisel.models import ActorCritic
from chisel.trainers.aup.bellman import Backup, Graph, bellman_targets
from chisel.trainers.aup.last_layer import correct_last_layer
from chisel.trainers.aup.normalizer import ObservationNormalizer
from chisel.trainers.aup.replay import Replay
from chisel.trainers.aup.rewards import AuxiliaryRewards
from chisel.trainers.onpolicy.rollout import RolloutBuffer
from chisel.trainers.runs.moments import keep_layout


class AuxiliaryValues:
    """Q-learning of K rewards at once, off-policy, from a replay.

    Each time it learns, it takes as many rows as it can look at in its steps, computes targets once
    (see `bellman_targets`), and fits the network to them, each distinct observation with all the
    actions tried there. What the network puts out is `(1 - γ) Q`, a weighted mean of rewards.

    A reward is paid on arrival, also where the episode ends; what would come after a true end is
    worth 0, and beyond a time-out the values go on. The network's guesses are kept within the
    rewards' range, so that what it makes up for actions never tried can't raise itself.

    Args:
        network: its policy head's `[B, K * A]` outputs are the values; nothing else of it is used.
        rewards: the K rewards.
        gamma: discount in [0, 1).
        replay: transitions to learn from.
        batch_size: observations per step.
        sweeps: how far targets look ahead.
        generator: CPU generator that draws from the replay.
        obs_shape: of one observation, in the environment's layout.
        device: where the network lives.
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
        self.standardizer = ObservationNormalizer(obs_shape, device)
        self.gamma, self.batch_size, self.sweeps = gamma, batch_size, sweeps
        self.replay, self.generator = replay, generator

    @torch.no_grad()
    def values(self, obs: Tensor) -> Tensor:
        """Q `[B, K, A]`, in units of the rewards, of observations in the environment's layout."""
        return self._guesses(obs).transpose(1, 2) / (1 - self.gamma)

    def _guesses(self, obs: Tensor) -> Tensor:
        """`(1 - γ) Q` `[B, A, K]`, as it may be at all."""
        return self._outputs(obs).clamp(self.rewards.low, self.rewards.high)

    def _outputs(self, obs: Tensor) -> Tensor:
        """What the network takes `(1 - γ) Q` `[B, A, K]` to be."""
        outputs: Tensor = self.network.fc_policy(self._features(obs))
        return outputs.reshape(len(obs), -1, self.rewards.num)

    def _features(self, obs: Tensor) -> Tensor:
        """`[B, H]`, what the last layer sees."""
        return self.network.features(self.standardizer(obs).movedim(-1, 1).contiguous())

    def add(self, buffer: RolloutBuffer, counts: NDArray[np.float64] | None = None) -> None:
        """Keep a rollout's transitions, with what each counts `[T * N]`; it must have next_obs."""
        names = ("obs", "actions", "next_obs", "terminated")
        rows = {name: buffer.flat(name) for name in names}
        self.replay.add(rows | {"rewards": self.rewards(rows["next_obs"])}, counts)

    def learn(self, updates: int, *, learning_rate: float) -> float:
        """Take optimiser steps; returns the mean absolute error of `(1 - γ) Q`.

        Raises:
            NumericsError: the error is not finite.
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
    def _correct(self, obs: Tensor, targets: Backup) -> None:
        """See `correct_last_layer`."""
        errors = targets.values - self._outputs(obs)
        correct_last_layer(self.network.fc_policy, self._features(obs), errors, targets.tried)

    def _batch(self, count: int) -> Tensor:
        """All observations if they are few enough, or some drawn at random."""
        if count <= self.batch_size:
            return torch.arange(count)
        return torch.randint(count, (self.batch_size,), generator=self.generator)

    @torch.no_grad()
    def _targets(self, rows: dict[str, Tensor]) -> tuple[Tensor, Backup]:
        """The distinct observations `[M, ...]` acted on, and their targets."""
        prints = [self.replay.fingerprints(rows[name]) for name in ("obs", "next_obs")]
        _, first, numbers = np.unique(
            np.concatenate(prints), return_index=True, return_inverse=True
        )
        device, count = rows["obs"].device, len(rows["obs"])
        places = torch.from_numpy(numbers.reshape(-1)).to(device)
        distinct = torch.cat([rows["obs"], rows["next_obs"]])[torch.from_numpy(first).to(device)]
        self.standardizer.update(distinct)
        graph = Graph(
            source=places[:count],
            action=rows["actions"],
            arrival=places[count:],
            ends=rows["terminated"],
            weight=rows["weight"],
        )
        guesses = self._guesses(distinct)
        found = bellman_targets(
            graph, rows["rewards"], guesses, gamma=self.gamma, sweeps=self.sweeps
        )
        known = found.tried.any(1)
        return distinct[known], Backup(found.values[known], found.tried[known])

    def get_state(self) -> dict[str, Any]:
        """Network, optimiser, replay, rewards and generator."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "standardizer": self.standardizer.get_state(),
            "replay": self.replay.get_state(),
            "rewards": self.rewards.get_state(),
            "generator": self.generator.get_state(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.standardizer.set_state(state["standardizer"])
        self.replay.set_state(state["replay"])
        self.rewards.set_state(state["rewards"])
        self.generator.set_state(state["generator"].cpu())
