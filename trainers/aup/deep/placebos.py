"""Placebo auxiliary values, which show what a penalty does by its size alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from chisel.trainers.aup.deep.values import random_policy
from chisel.trainers.aup.module import AuxiliaryValues
from chisel.trainers.onpolicy.rollout import RolloutBuffer


class ConstantCost(nn.Module):
    """Values that give a penalty of 1 for each action but the one that does nothing.

    Args:
        num_actions: Number of actions, A.
        noop: The action that does nothing.
    """

    costs: Tensor

    def __init__(self, num_actions: int, noop: int) -> None:
        super().__init__()
        self.register_buffer("costs", (torch.arange(num_actions) != noop).float())

    def forward(self, obs: Tensor) -> Tensor:
        """Return values `[B, 1, A]`, which are equal for all observations."""
        return self.costs.expand(len(obs), 1, -1)


class FixedValues:
    """`AuxiliaryValues` that are never learnt; in the auxiliary phase actions are random.

    Args:
        network: Module from observations in the environment's layout to values `[B, K, A]`.
        num_actions: Number of actions, A.
        device: Device of the network.
    """

    def __init__(self, network: nn.Module, num_actions: int, device: torch.device) -> None:
        self.network, self.num_actions = network.to(device), num_actions

    def exploration(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of random actions, and values of 0."""
        return random_policy(obs, self.num_actions)

    @torch.no_grad()
    def values(self, obs: Tensor) -> Tensor:
        """Compute the values `[B, K, A]`."""
        found: Tensor = self.network(obs)
        return found

    def learn(self, rollout: RolloutBuffer, done: float) -> dict[str, float]:
        """Learn nothing."""
        return {}

    def stop(self) -> dict[str, float]:
        """Do nothing, because there is nothing to free or to check."""
        return {}

    def get_state(self) -> dict[str, Any]:
        """Return the state of the network."""
        return {"network": self.network.state_dict()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self.network.load_state_dict(state["network"])


class ShuffledValues:
    """Learnt `AuxiliaryValues`, permuted among the observations of a batch.

    So an action's penalty is that of the same action in another state. Doing nothing stays free.

    Args:
        inner: The learnt values.
        generator: CPU generator of the permutations.
    """

    def __init__(self, inner: AuxiliaryValues, generator: torch.Generator) -> None:
        self.inner, self.generator = inner, generator
        self.exploration, self.learn, self.stop = inner.exploration, inner.learn, inner.stop

    def values(self, obs: Tensor) -> Tensor:
        """Compute values `[B, K, A]` of the observations in a random order."""
        order = torch.randperm(len(obs), generator=self.generator)
        return self.inner.values(obs)[order.to(obs.device)]

    def get_state(self) -> dict[str, Any]:
        """Return the states of the values and of the generator."""
        return {"inner": self.inner.get_state(), "generator": self.generator.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self.inner.set_state(state["inner"])
        self.generator.set_state(state["generator"].cpu())
