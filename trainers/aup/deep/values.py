"""The auxiliary values of rich worlds: rewards learnt from frames, then values of the rewards."""

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
        """Learn from a rollout of `policy` and its rewards `[T, N, K]`; return what is logged.

        `done` is the share of the phase that is done after it.
        """

    def stop(self) -> None:
        """Free what only `learn` needs."""

    def get_state(self) -> dict[str, Any]:
        """Return everything, as plain values and tensors."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""


def random_policy(obs: Tensor, num_actions: int) -> tuple[Tensor, Tensor]:
    """Return logits `[N, A]` of random actions, and values `[N]`, all 0."""
    logits = torch.zeros(len(obs), num_actions, device=obs.device)
    return logits, logits[:, 0]


class DeepAuxiliary:
    """Auxiliary values in three phases: frames, encoder, values; see `AuxiliaryValues`.

    In the first two the world acts at random.

    Args:
        rewards: Learnt in the first two phases.
        critic: Learns in the third.
        gate: Judges the values at the end.
        iterations: Iterations of the third phase.
        num_actions: A.
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
        """Act at random, and in the third phase as the critic says."""
        if self.rewards.ready:
            return self.critic.policy(obs)
        return random_policy(obs, self.num_actions)

    def values(self, obs: Tensor) -> Tensor:
        """Compute Q `[B, K, A]`."""
        return self.critic.values(obs)

    def learn(self, rollout: RolloutBuffer, done: float) -> dict[str, float]:
        """Do an iteration's part of the phase that it is in; see `AuxiliaryValues.learn`."""
        views = rollout.flat("whole")
        if not self.rewards.ready:
            return self.rewards.learn(views)
        self._learnt += 1
        share = self._learnt / self.iterations
        rewards = self.rewards(views).view(rollout.num_steps, rollout.num_envs, -1)
        self.gate.note(share)
        return self.critic.learn(rollout, rewards, share)

    def stop(self) -> dict[str, float]:
        """Pass the gate, and free what only `learn` needs.

        Raises:
            ChiselError: The values fail the gate, and that is to stop the run.
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
