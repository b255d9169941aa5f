"""Auxiliary values as in the released code of arXiv 2006.06547, which are not action values."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from chisel.configs import DeepAupConfig, NumericsError
from chisel.models import ActorCritic, to_tensor
from chisel.trainers.onpolicy.advantages import gae
from chisel.trainers.onpolicy.losses import action_log_prob, policy_loss, value_loss
from chisel.trainers.onpolicy.rollout import RolloutBuffer
from chisel.trainers.runs.optimizer_state import descend, keep_layout

GAE_LAMBDA = 0.95
"""Decay of advantages per step; the released recursion leaves out the discount."""
ENT_COEF, ENTROPY_LIMIT = 0.1, 1.0
"""Weight of the entropy bonus, and the entropy in nats above which the bonus stays constant."""


class ReleasedCritic:
    """A PPO agent for the auxiliary reward, whose value head has one output per action.

    The value is the mean of these outputs. So all rows of the head get the same gradient, and their
    differences stay as they were initialised. The penalty uses the outputs as action values.

    Args:
        network: An agent's network with a linear value head, which is replaced.
        options: Hyperparameters: PPO's numbers of passes and minibatches, clipping and weight of
            the value loss; the discount and the learning rate of `aux`.
        generator: CPU generator of the head's weights and of minibatches.
        device: Device of the network.
    """

    def __init__(
        self,
        network: ActorCritic,
        options: DeepAupConfig,
        *,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        features, actions = network.fc_policy.in_features, network.fc_policy.out_features
        head = nn.Linear(features, actions, device="meta").to_empty(device="cpu")
        for weights in head.parameters():  # torch's default distribution
            nn.init.uniform_(weights, -(features**-0.5), features**-0.5, generator=generator)
        network.fc_value = head
        self.network = network.to(device)
        self.optimizer = keep_layout(
            torch.optim.Adam(network.parameters(), lr=options.aux.learning_rate, fused=True)
        )
        self.options, self.generator = options, generator

    @torch.no_grad()
    def values(self, obs: Tensor) -> Tensor:
        """Return the outputs of the value head, `[B, 1, A]`."""
        return self._outputs(obs)[1].unsqueeze(1)

    @torch.no_grad()
    def policy(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits `[B, A]` and values `[B]`, the means of the value head's outputs."""
        logits, values = self._outputs(obs)
        return logits, values.mean(1)

    def _outputs(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        outputs: tuple[Tensor, Tensor] = self.network(to_tensor(obs))
        return outputs

    def learn(self, rollout: RolloutBuffer, rewards: Tensor, done: float) -> dict[str, float]:
        """Take PPO's optimiser steps on a rollout.

        Args:
            rollout: A rollout of `policy`.
            rewards: The auxiliary rewards of its steps, `[T, N, 1]`.
            done: Share of the phase that is done; not used.

        Returns:
            Metrics to log: the mean squared error of the values.

        Raises:
            NumericsError: If a loss is not finite.
        """
        rows = self._rows(rollout, rewards.squeeze(2))
        losses = []
        for _ in range(self.options.update_epochs):
            order = torch.randperm(len(rows["actions"]), generator=self.generator)
            for part in order.chunk(self.options.num_minibatches):
                batch = {name: column[part] for name, column in rows.items()}
                losses.append(self._update(batch))
        error = float(torch.stack(losses).mean())
        if error != error or error == float("inf"):
            raise NumericsError("auxiliary values are not finite; lower algo.aux.learning_rate")
        return {"aup/q_loss": error}

    @torch.no_grad()
    def _rows(self, rollout: RolloutBuffer, rewards: Tensor) -> dict[str, Tensor]:
        """Return flat columns with advantages, and returns bootstrapped at the rollout's end."""
        _, last = self.policy(rollout["next_obs"][-1])
        known = (rewards, rollout["values"], rollout["dones"], last, rollout["bootstrap"])
        gamma = self.options.aux.gamma
        advantages, _ = gae(*known, gamma=gamma, gae_lambda=GAE_LAMBDA / gamma if gamma else 0.0)
        _, returns = gae(*known, gamma=gamma, gae_lambda=1.0)
        names = ("obs", "actions", "log_probs", "values")
        rows = {name: rollout.flat(name) for name in names}
        return rows | {"advantages": advantages.flatten(), "returns": returns.flatten()}

    def _update(self, batch: dict[str, Tensor]) -> Tensor:
        """Take one optimiser step; return the mean squared error of the values."""
        options, clip = self.options, self.options.clip_coef
        logits, outputs = self._outputs(batch["obs"])
        values = outputs.mean(1)
        log_probs, entropy = action_log_prob(logits, batch["actions"])
        surrogate = policy_loss(log_probs - batch["log_probs"], batch["advantages"], clip).mean()
        errors = value_loss(values, batch["values"], batch["returns"], clip).mean()
        bonus = entropy.mean().clamp(max=ENTROPY_LIMIT)
        loss = surrogate + options.vf_coef * errors - ENT_COEF * bonus
        descend(self.optimizer, loss)
        return (values.detach() - batch["returns"]).square().mean()

    def stop(self) -> None:
        """Do nothing, because only the network is kept."""

    def get_state(self) -> dict[str, Any]:
        """Return the states of network, optimiser and generator."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"].cpu())
