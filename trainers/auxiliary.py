"""Action values of auxiliary rewards, learnt by a network from what was seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from configs import NumericsError
from models import ActorCritic
from trainers.auxiliary_rewards import AuxiliaryRewards
from trainers.backups import Graph, backed_up
from trainers.replay import Replay
from trainers.rollout import RolloutBuffer
from trainers.standardizer import Standardizer


class AuxiliaryValues:
    """Q-learning of K rewards at once, off-policy, from a replay.

    Each time it learns, it draws the rows for all its steps, computes their targets once with the
    network as it is (see `backed_up`), and fits the network to them. What the network puts out is
    `(1 - γ) Q`, a weighted mean of rewards.

    A reward is paid on arrival, also where the episode ends; what would come after a true end is
    worth 0, and beyond a time-out the values go on. The network's guesses are kept within the
    rewards that were seen, so that what it makes up for actions never tried can't raise itself.

    Args:
        network: its policy head's `[B, K * A]` outputs are the values; nothing else of it is used.
        rewards: the K rewards.
        gamma: discount in [0, 1).
        replay: transitions to learn from.
        batch_size: transitions per step.
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
        self.optimizer = torch.optim.Adam(used, fused=True)
        self.standardizer = Standardizer(obs_shape, device)
        self.gamma, self.batch_size, self.sweeps = gamma, batch_size, sweeps
        self.replay, self.generator = replay, generator

    @torch.no_grad()
    def values(self, obs: Tensor) -> Tensor:
        """Q `[B, K, A]`, in units of the rewards, of observations in the environment's layout."""
        return self._outputs(obs).transpose(1, 2) / (1 - self.gamma)

    def _outputs(self, obs: Tensor) -> Tensor:
        """`(1 - γ) Q` `[B, A, K]`."""
        image = self.standardizer(obs).movedim(-1, 1).contiguous()
        outputs: Tensor = self.network.fc_policy(self.network.features(image))
        return outputs.reshape(len(obs), -1, self.rewards.num)

    def add(self, buffer: RolloutBuffer) -> None:
        """Keep a rollout's transitions; it must have arrivals."""
        names = ("obs", "actions", "next_obs", "terminated")
        rows = {name: buffer.flat(name) for name in names}
        self.replay.add(rows | {"rewards": self.rewards(rows["next_obs"])})

    def learn(self, updates: int, *, learning_rate: float) -> float:
        """Take optimiser steps; returns the mean absolute error of `(1 - γ) Q`.

        Raises:
            NumericsError: the error is not finite.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        draws = torch.randint(
            len(self.replay), (updates, self.batch_size), generator=self.generator
        )
        drawn, batches = draws.unique(return_inverse=True)
        rows = self.replay.rows(drawn)
        self.standardizer.update(rows["obs"])
        targets = self._targets(rows)
        total = torch.zeros((), device=targets.device)
        for batch in batches.to(targets.device):
            found = self._outputs(rows["obs"][batch])
            every = torch.arange(len(batch), device=batch.device)
            error = found[every, rows["actions"][batch]] - targets[batch]
            weight = rows["weight"][batch].unsqueeze(1)
            self.optimizer.zero_grad()
            (weight * error.square()).mean().backward()  # type: ignore[no-untyped-call]  # torch's
            self.optimizer.step()
            total += (weight * error.detach().abs()).mean() / weight.mean()
        if not bool(torch.isfinite(total)):
            raise NumericsError("auxiliary values are not finite; lower algo.aux.learning_rate")
        return float(total) / updates

    @torch.no_grad()
    def _targets(self, rows: dict[str, Tensor]) -> Tensor:
        """`[R, K]`, of the rows drawn."""
        prints = [self.replay.fingerprints(rows[name]) for name in ("obs", "next_obs")]
        _, first, numbers = np.unique(
            np.concatenate(prints), return_index=True, return_inverse=True
        )
        device, count = rows["obs"].device, len(rows["obs"])
        places = torch.from_numpy(numbers.reshape(-1)).to(device)
        distinct = torch.cat([rows["obs"], rows["next_obs"]])[torch.from_numpy(first).to(device)]
        graph = Graph(
            source=places[:count],
            action=rows["actions"],
            arrival=places[count:],
            ends=rows["terminated"],
            weight=rows["weight"],
        )
        low, high = rows["rewards"].amin(0).clamp_max(0), rows["rewards"].amax(0).clamp_min(0)
        guesses = self._outputs(distinct).clamp(low, high)
        return backed_up(graph, rows["rewards"], guesses, gamma=self.gamma, sweeps=self.sweeps)

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
