"""Learn auxiliary action values by double DQN (van Hasselt et al. 2016, arXiv 1509.06461)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from chisel.configs import DeepAuxiliaryConfig, NumericsError
from chisel.models import ActorCritic, to_tensor
from chisel.trainers.aup.deep.step_replay import COLUMNS, StepReplay
from chisel.trainers.onpolicy.rollout import RolloutBuffer
from chisel.trainers.runs.optimizer_state import descend, keep_layout


class QNetworks(nn.Module):
    """K networks whose policy heads return `(1 - γ) Q`, a weighted mean of rewards.

    Args:
        networks: One network for each reward; their value heads are not used.
        gamma: Discount γ in [0, 1).
    """

    def __init__(self, networks: Sequence[ActorCritic], gamma: float) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.gamma = gamma

    def forward(self, obs: Tensor) -> Tensor:
        """Compute Q `[B, K, A]` of observations in the environment's layout."""
        return self.means(obs) / (1 - self.gamma)

    def means(self, obs: Tensor) -> Tensor:
        """Compute `(1 - γ) Q` `[B, K, A]`."""
        shown = to_tensor(obs)
        found = []
        for network in self.networks:
            assert isinstance(network, ActorCritic)
            found.append(network.fc_policy(network.features(shown)))
        return torch.stack(found, 1)


def double_dqn_targets(
    rewards: Tensor, online: Tensor, target: Tensor, terminated: Tensor, gamma: float
) -> Tensor:
    """Compute `(1 - γ) r + γ Q'(s', argmax Q(s'))`, where Q' is 0 after a terminated episode.

    Args:
        rewards: Rewards before the step, `[B, K]`.
        online: `(1 - γ) Q` after the step, `[B, K, A]`, which chooses the action.
        target: `(1 - γ) Q'` of the target networks after the step, `[B, K, A]`.
        terminated: Whether the episode ended with the step, bool `[B]`.
        gamma: Discount γ in [0, 1).

    Returns:
        Targets of `(1 - γ) Q`, `[B, K]`.
    """
    following = target.gather(2, online.argmax(2, keepdim=True)).squeeze(2)
    return (1 - gamma) * rewards + gamma * following * (~terminated).unsqueeze(1)


class DoubleDqn:
    """Learns the action values of K rewards, each with its own network.

    Environment n acts ε-greedily for reward n mod K. ε falls linearly from 1 over the phase.

    Args:
        networks: The Q-networks, in float32.
        options: Hyperparameters.
        num_envs: Number of environments, N.
        generator: CPU generator that draws from the replay.
        device: Device of the networks.
    """

    def __init__(
        self,
        networks: QNetworks,
        options: DeepAuxiliaryConfig,
        *,
        num_envs: int,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        networks = networks.to(device)
        networks.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch stubs
        self.networks, self.target = networks, copy.deepcopy(networks)
        self.optimizer = keep_layout(
            torch.optim.Adam(self.networks.parameters(), lr=options.learning_rate, fused=True)
        )
        self.options, self.generator = options, generator
        self.replay = StepReplay(options.replay // num_envs, device)
        self._rewards = torch.arange(num_envs) % len(networks.networks)
        self._epsilon, self._updates = 1.0, 0

    @torch.no_grad()
    def values(self, obs: Tensor) -> Tensor:
        """Compute Q `[B, K, A]` of observations in the environment's layout."""
        found: Tensor = self.networks(obs)
        return found

    @torch.no_grad()
    def policy(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the ε-greedy policy's logits `[N, A]` for all environments, and values of 0."""
        values = self.networks.means(obs)[torch.arange(len(obs)), self._rewards]
        share = torch.full_like(values, self._epsilon / values.shape[1])
        share.scatter_add_(
            1, values.argmax(1, keepdim=True), torch.full_like(values, 1 - self._epsilon)
        )
        return share.log(), torch.zeros_like(values[:, 0])

    def learn(self, rollout: RolloutBuffer, rewards: Tensor, done: float) -> dict[str, float]:
        """Add a rollout to the replay, and take optimiser steps.

        Args:
            rollout: A rollout of `policy` that keeps `terminated`.
            rewards: Rewards before each step, `[T, N, K]`.
            done: Share of the phase that is done after this rollout, in (0, 1].

        Returns:
            Metrics to log: the mean squared error of Q.

        Raises:
            NumericsError: If the error is not finite.
        """
        self.replay.add({name: rollout[name] for name in COLUMNS} | {"rewards": rewards})
        self._epsilon = 1 + done * (self.options.epsilon - 1)
        total = torch.zeros((), device=rewards.device)
        for _ in range(self.options.updates):
            total += self._update()
        if not bool(torch.isfinite(total)):
            raise NumericsError("auxiliary values are not finite; lower algo.aux.learning_rate")
        scale = (1 - self.options.gamma) ** 2
        return {"aup/q_loss": float(total) / self.options.updates / scale}

    def _update(self) -> Tensor:
        """Take one optimiser step, and return the mean squared error of `(1 - γ) Q`."""
        rows = self.replay.draw(self.options.batch_size, self.generator)
        targets = self._targets(rows)
        outputs = self.networks.means(rows["obs"])
        chosen = rows["actions"].view(-1, 1, 1).expand(-1, outputs.shape[1], 1)
        error = outputs.gather(2, chosen).squeeze(2) - targets
        # A sum over rewards, so that their number changes nothing for a single network.
        loss = (error.square() * rows["weight"].unsqueeze(1)).sum(1).mean()
        descend(self.optimizer, loss)
        self._updates += 1
        if self._updates % self.options.target_every == 0:
            self.target.load_state_dict(self.networks.state_dict())
        return loss.detach() / len(self.networks.networks)

    @torch.no_grad()
    def _targets(self, rows: dict[str, Tensor]) -> Tensor:
        following = rows["next_obs"]
        return double_dqn_targets(
            rows["rewards"],
            self.networks.means(following),
            self.target.means(following),
            rows["terminated"],
            self.options.gamma,
        )

    def stop(self) -> None:
        """Free the replay, because `learn` is not called any more."""
        self.replay.clear()

    def get_state(self) -> dict[str, Any]:
        """Return the states of networks, optimiser, replay, counts and generator."""
        return {
            "networks": self.networks.state_dict(),
            "target": self.target.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "replay": self.replay.get_state(),
            "epsilon": self._epsilon,
            "updates": self._updates,
            "generator": self.generator.get_state(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self.networks.load_state_dict(state["networks"])
        self.target.load_state_dict(state["target"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.replay.set_state(state["replay"])
        self._epsilon, self._updates = state["epsilon"], state["updates"]
        self.generator.set_state(state["generator"].cpu())
