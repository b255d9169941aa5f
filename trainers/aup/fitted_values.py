"""Action values of auxiliary rewards, fitted exactly to all known distinct transitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from chisel.configs import AuxiliaryConfig, NumericsError
from chisel.models import ActorCritic
from chisel.trainers.aup.bellman import BellmanTargets, TransitionGraph, bellman_targets
from chisel.trainers.aup.exploration import ExplorationPolicy
from chisel.trainers.aup.last_layer import correct_last_layer
from chisel.trainers.aup.normalizer import ObservationNormalizer
from chisel.trainers.aup.rewards import RandomRewards
from chisel.trainers.onpolicy.rollout import RolloutBuffer
from chisel.trainers.runs.optimizer_state import descend, keep_layout


class FittedValues:
    """Fitted Q-iteration of K rewards at once, for worlds with few different observations.

    These are the `AuxiliaryValues` of gridworlds. Each call of `learn` takes as many rows of the
    replay as its steps can use, computes targets once (see `bellman_targets`), and fits the network
    to them. It fits each distinct observation with all actions tried there; least squares on the
    last layer then remove the remaining error. The network returns `(1 - γ) Q`, a weighted mean of
    rewards.

    The reward of a step is that of the next observation, also at the end of an episode. The value
    after a terminated episode is 0; after a truncated one values continue. The network's estimates
    are clamped to the rewards' range, so that estimates of untried actions can't raise each other.

    Args:
        network: Network whose policy head returns the values `[B, K * A]`; its value head is not
            used.
        rewards: The K rewards.
        options: Hyperparameters.
        exploration: The policy of the auxiliary phase, with the transitions to learn from.
        generator: CPU generator that draws from the replay.
        obs_shape: Shape of one observation, in the environment's layout.
        device: Device of the network.
    """

    def __init__(
        self,
        network: ActorCritic,
        rewards: RandomRewards,
        options: AuxiliaryConfig,
        exploration: ExplorationPolicy,
        *,
        generator: torch.Generator,
        obs_shape: tuple[int, ...],
        device: torch.device,
    ) -> None:
        self.network, self.rewards = network.to(device), rewards
        used = [*network.embedder.parameters(), *network.fc_policy.parameters()]
        self.optimizer = keep_layout(torch.optim.Adam(used, fused=True))
        self.normalizer = ObservationNormalizer(obs_shape, device)
        self.options, self.exploration, self.generator = options, exploration, generator
        self.replay = exploration.replay

    @torch.no_grad()
    def values(self, obs: Tensor) -> Tensor:
        """Compute Q `[B, K, A]`, in units of the rewards; `obs` have the environment's layout."""
        return self._estimates(obs).transpose(1, 2) / (1 - self.options.gamma)

    def _estimates(self, obs: Tensor) -> Tensor:
        """Estimate `(1 - γ) Q` `[B, A, K]`, clamped to the rewards' range."""
        return self._outputs(obs).clamp(self.rewards.low, self.rewards.high)

    def _outputs(self, obs: Tensor) -> Tensor:
        """Estimate `(1 - γ) Q` `[B, A, K]`, not clamped."""
        outputs: Tensor = self.network.fc_policy(self._features(obs))
        return outputs.reshape(len(obs), -1, self.rewards.num)

    def _features(self, obs: Tensor) -> Tensor:
        """Compute the inputs `[B, H]` of the last layer."""
        return self.network.features(self.normalizer(obs).movedim(-1, 1).contiguous())

    def learn(self, rollout: RolloutBuffer, done: float) -> dict[str, float]:
        """Add a rollout to the replay, and take optimiser steps.

        In the second half of the auxiliary phase the learning rate decays.

        Args:
            rollout: A rollout that keeps `next_obs`.
            done: Share of the auxiliary phase that is done; 1 after it.

        Returns:
            Metrics to log: the mean absolute error of `(1 - γ) Q`.

        Raises:
            NumericsError: If the error is not finite.
        """
        names = ("obs", "actions", "next_obs", "terminated")
        rows = {name: rollout.flat(name) for name in names}
        rows["rewards"] = self.rewards(rows["next_obs"])
        self.replay.add(rows, self.exploration.counts(rollout.num_steps) if done < 1 else None)
        if done < 1:
            self.exploration.plan()
        first, last = self.options.learning_rate, self.options.final_learning_rate
        decay = (last / first) ** max(0.0, 2 * done - 1)
        return {"aup/td_error": self._fit(self.options.updates, first * decay)}

    def _fit(self, updates: int, learning_rate: float) -> float:
        """Take optimiser steps and return the mean absolute error of `(1 - γ) Q`."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        order = torch.randperm(len(self.replay), generator=self.generator)
        obs, targets = self._targets(self.replay.rows(order[: updates * self.options.batch_size]))
        total = torch.zeros((), device=obs.device)
        for _ in range(updates):
            batch = self._batch(len(obs)).to(obs.device)
            tried = targets.tried[batch].unsqueeze(2)
            error = (self._outputs(obs[batch]) - targets.values[batch]) * tried
            count = tried.sum() * self.rewards.num
            descend(self.optimizer, error.square().sum() / count)
            total += error.detach().abs().sum() / count
        self._correct(obs, targets)
        if not bool(torch.isfinite(total)):
            raise NumericsError("auxiliary values are not finite; lower algo.aux.learning_rate")
        return float(total) / updates

    @torch.no_grad()
    def _correct(self, obs: Tensor, targets: BellmanTargets) -> None:
        """Remove the remaining error by least squares; see `correct_last_layer`."""
        errors = targets.values - self._outputs(obs)
        correct_last_layer(self.network.fc_policy, self._features(obs), errors, targets.tried)

    def _batch(self, count: int) -> Tensor:
        """Return the rows of a batch: all if they are few enough, else a random sample."""
        if count <= self.options.batch_size:
            return torch.arange(count)
        return torch.randint(count, (self.options.batch_size,), generator=self.generator)

    @torch.no_grad()
    def _targets(self, rows: dict[str, Tensor]) -> tuple[Tensor, BellmanTargets]:
        """Return the distinct observations `[M, ...]` before actions, and their targets."""
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
        gamma, sweeps = self.options.gamma, self.options.sweeps
        found = bellman_targets(graph, rows["rewards"], estimates, gamma=gamma, sweeps=sweeps)
        acted_on = found.tried.any(1)
        targets = BellmanTargets(found.values[acted_on], found.tried[acted_on])
        return distinct[acted_on], targets

    def stop(self) -> dict[str, float]:
        """Free the replay, because `learn` is not called any more."""
        self.replay.clear()
        return {}

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
        self.exploration.plan()
