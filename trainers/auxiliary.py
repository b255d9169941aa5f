"""Action values of auxiliary rewards, learnt by a network from what was seen."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from configs import NumericsError
from models import ActorCritic
from trainers.auxiliary_rewards import AuxiliaryRewards
from trainers.replay import Replay
from trainers.rollout import RolloutBuffer


class AuxiliaryValues:
    """Q-learning of K rewards at once, off-policy, with a replay and a target network.

    What the network puts out is `(1 - γ) Q`, a weighted mean of rewards whatever the discount is.
    Thus γ can be raised from 0 while it learns (François-Lavet et al. 2015), and values that differ
    little between discounts are known long before `1 / (1 - γ)` passes.

    A reward is paid on arrival, also where the episode ends; what would come after a true end is
    worth 0, and beyond a time-out the values go on.

    Args:
        network: its policy head's `[B, K * A]` outputs are the values; nothing else of it is used.
        rewards: the K rewards.
        gamma: discount in [0, 1).
        replay: transitions kept.
        batch_size: transitions per step.
        tau: share by which the target network follows in each step.
        generator: CPU generator that draws from the replay.
        device: where the network lives.
    """

    def __init__(
        self,
        network: ActorCritic,
        rewards: AuxiliaryRewards,
        *,
        gamma: float,
        replay: int,
        batch_size: int,
        tau: float,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        self.network, self.rewards = network.to(device), rewards
        self.target = copy.deepcopy(self.network).requires_grad_(False)
        self._learnt, self._copies = _used(self.network), _used(self.target)
        self.optimizer = torch.optim.Adam(self._learnt, fused=True)
        self.gamma, self.batch_size, self.tau = gamma, batch_size, tau
        self.replay, self.generator = Replay(replay, device), generator

    @torch.no_grad()
    def values(self, obs: Tensor) -> Tensor:
        """Q `[B, K, A]`, in units of the rewards, of observations in the environment's layout."""
        return self._outputs(self.network, obs) / (1 - self.gamma)

    def _outputs(self, network: ActorCritic, obs: Tensor) -> Tensor:
        image = obs.movedim(-1, 1).contiguous() if obs.dim() == 4 else obs
        outputs: Tensor = network.fc_policy(network.features(image))
        return outputs.reshape(len(obs), self.rewards.num, -1)

    def add(self, buffer: RolloutBuffer) -> None:
        """Keep a rollout's transitions; it must have arrivals."""
        names = ("obs", "actions", "next_obs", "terminated")
        rows = {name: buffer.flat(name) for name in names}
        self.replay.add(rows | {"rewards": self.rewards(rows["next_obs"])})

    def learn(self, updates: int, *, learning_rate: float, gamma: float) -> float:
        """Take optimiser steps; returns the mean absolute error of `(1 - γ) Q`.

        Args:
            updates: how many.
            learning_rate: Adam's.
            gamma: discount of these steps.

        Raises:
            NumericsError: the error is not finite.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        total = torch.zeros((), device=self.replay.device)
        for _ in range(updates):
            error = self._errors(self.replay.sample(self.batch_size, self.generator), gamma)
            self.optimizer.zero_grad()
            error.square().mean().backward()  # type: ignore[no-untyped-call]  # torch's stubs
            self.optimizer.step()
            self._follow()
            total += error.detach().abs().mean()
        if not bool(torch.isfinite(total)):
            raise NumericsError("auxiliary values are not finite; lower algo.aux.learning_rate")
        return float(total) / updates

    def _errors(self, rows: dict[str, Tensor], gamma: float) -> Tensor:
        """Output minus target `[B, K]`."""
        with torch.no_grad():
            best = self._outputs(self.target, rows["next_obs"]).amax(-1)
            goes_on = (~rows["terminated"]).unsqueeze(1)
            wanted = (1 - gamma) * rows["rewards"] + gamma * goes_on * best
        every = torch.arange(len(wanted), device=wanted.device)
        return self._outputs(self.network, rows["obs"])[every, :, rows["actions"]] - wanted

    @torch.no_grad()
    def _follow(self) -> None:
        for copied, learnt in zip(self._copies, self._learnt, strict=True):
            copied.lerp_(learnt, self.tau)

    def get_state(self) -> dict[str, Any]:
        """Networks, optimiser, replay, rewards and generator."""
        return {
            "network": self.network.state_dict(),
            "target": self.target.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "replay": self.replay.get_state(),
            "rewards": self.rewards.get_state(),
            "generator": self.generator.get_state(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self.network.load_state_dict(state["network"])
        self.target.load_state_dict(state["target"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.replay.set_state(state["replay"])
        self.rewards.set_state(state["rewards"])
        self.generator.set_state(state["generator"].cpu())


def _used(network: ActorCritic) -> list[nn.Parameter]:
    """What the policy head's outputs depend on."""
    return [*network.embedder.parameters(), *network.fc_policy.parameters()]
