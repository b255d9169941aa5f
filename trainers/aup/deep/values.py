"""Auxiliary values of rich worlds: learn rewards from frames, then the values of the rewards."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from chisel.trainers.aup.deep.frame_rewards import FrameRewards
from chisel.trainers.aup.deep.gate import Gate
from chisel.trainers.onpolicy.rollout import RolloutBuffer


class Critic(Protocol):
    """Learns values of given rewards from rollouts of its own policy."""

    def values(self, obs: Tensor) -> Tensor:
        """Compute Q `[B, K, A]` of observations in the environment's layout."""

    def policy(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits `[N, A]` and values `[N]`, for all environments in their order."""

    def learn(self, rollout: RolloutBuffer, rewards: Tensor, done: float) -> dict[str, float]:
        """Learn from a rollout of `policy`; return metrics to log.

        Args:
            rollout: The rollout.
            rewards: The auxiliary rewards of its steps, `[T, N, K]`.
            done: Share of the phase that is done after it.
        """

    def stop(self) -> None:
        """Free what only `learn` needs."""

    def get_state(self) -> dict[str, Any]:
        """Return all state, as plain values and tensors."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""


def random_policy(obs: Tensor, num_actions: int) -> tuple[Tensor, Tensor]:
    """Return logits `[N, A]` of uniformly random actions, and values `[N]` of 0."""
    logits = torch.zeros(len(obs), num_actions, device=obs.device)
    return logits, logits[:, 0]


class DeepAuxiliary:
    """`AuxiliaryValues` that are learnt in three phases: collect frames, train encoder and values.

    In the first two phases actions are random.

    Args:
        rewards: The rewards, learnt in the first two phases.
        critic: Learns the values in the third phase.
        gate: Checks the values at the end.
        iterations: Number of iterations of the third phase.
        num_actions: Number of actions, A.
    """

    def __init__(
        self,
        rewards: FrameRewards,
        critic: Critic,
        gate: Gate,
        *,
        iterations: int,
        num_actions: int,
    ) -> None:
        self.rewards, self.critic, self.gate = rewards, critic, gate
        self.iterations, self.num_actions = iterations, num_actions
        self._learnt = 0

    def exploration(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits and values of random actions, or, in the third phase, the critic's."""
        if self.rewards.ready:
            return self.critic.policy(obs)
        return random_policy(obs, self.num_actions)

    def values(self, obs: Tensor) -> Tensor:
        """Compute Q `[B, K, A]`."""
        return self.critic.values(obs)

    def learn(self, rollout: RolloutBuffer, done: float) -> dict[str, float]:
        """Do the present phase's work of one iteration; see `AuxiliaryValues.learn`."""
        views = rollout.flat("whole")
        if not self.rewards.ready:
            return self.rewards.learn(views)
        self._learnt += 1
        share = self._learnt / self.iterations
        rewards = self.rewards(views).view(rollout.num_steps, rollout.num_envs, -1)
        self.gate.note(share)
        return self.critic.learn(rollout, rewards, share)

    def stop(self) -> dict[str, float]:
        """Check the values by the gate, free what only `learn` needs, and return metrics to log.

        Raises:
            ChiselError: If the values fail the gate and `algo.aux.gate_fails` is `stop`.
        """
        found = self.gate.judge(self.critic.values, self.rewards)
        self.critic.stop()
        return found

    def get_state(self) -> dict[str, Any]:
        """Return the states of rewards, critic and gate, and the count of iterations."""
        return {
            "rewards": self.rewards.get_state(),
            "critic": self.critic.get_state(),
            "gate": self.gate.get_state(),
            "learnt": self._learnt,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self.rewards.set_state(state["rewards"])
        self.critic.set_state(state["critic"])
        self.gate.set_state(state["gate"])
        self._learnt = state["learnt"]
