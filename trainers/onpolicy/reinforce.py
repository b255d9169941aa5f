"""REINFORCE with a learnt baseline: returns of a rollout, and the loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from chisel.configs import NumericsError, ReinforceConfig, RunConfig
from chisel.envs import StatefulVectorEnv
from chisel.trainers.onpolicy.advantages import gae
from chisel.trainers.onpolicy.build import build_on_policy
from chisel.trainers.onpolicy.losses import total_loss
from chisel.trainers.onpolicy.module import Algorithm, Losses, OnPolicy, Outputs
from chisel.trainers.onpolicy.rollout import RolloutBuffer


def returns_to_go(rewards: Tensor, dones: Tensor, gamma: float) -> Tensor:
    """Compute the discounted sums of rewards from each step on, `[T, N]`.

    The sums end with the episode or the rollout: later rewards of an unfinished episode count as 0.
    They are the returns of `gae` with λ = 1 and values of 0.

    Args:
        rewards: Rewards, `[T, N]`.
        dones: Whether an episode ended in step t, bool `[T, N]`.
        gamma: Discount in [0, 1].
    """
    zeros = torch.zeros_like(rewards)
    return gae(rewards, zeros, dones, zeros[0], zeros, gamma=gamma, gae_lambda=1.0)[1]


class Reinforce(Algorithm):
    """REINFORCE as in Cloud et al. 2024, appendix F.

    The loss is `-log π(a|s) (R - V(s)) + vf_coef (V(s) - R)² - ent_coef H`, averaged over the steps
    of a rollout. There is one update per rollout, without bootstrap, normalisation or clipping.

    Args:
        options: Hyperparameters.
    """

    columns: tuple[str, ...] = ("obs", "actions", "returns")
    num_minibatches = 1
    update_epochs = 1

    def __init__(self, options: ReinforceConfig) -> None:
        self.options = options
        self.num_steps, self.adam_eps = options.num_steps, options.adam_eps

    def learning_rate(self, progress: float) -> float:
        """Return the learning rate, which is constant."""
        return self.options.learning_rate

    def finish(self, buffer: RolloutBuffer, last_values: Tensor) -> None:
        """Fill in the returns.

        Raises:
            NumericsError: If a return is not finite.
        """
        returns = returns_to_go(buffer["rewards"], buffer["dones"], self.options.gamma)
        if not bool(torch.isfinite(returns).all()):
            raise NumericsError("returns are not finite")
        buffer["returns"].copy_(returns)

    def losses(self, outputs: Outputs, batch: dict[str, Tensor]) -> Losses:
        """Compute the policy's loss with baseline plus the value error minus the entropy bonus."""
        options, weights, returns = self.options, batch.get("weights"), batch["returns"]
        log_probs, entropy = outputs.evaluate(batch["actions"])
        advantages = returns - outputs.values.detach()
        loss, terms = total_loss(
            -log_probs * advantages,
            (outputs.values - returns).square(),
            entropy,
            weights,
            vf_coef=options.vf_coef,
            ent_coef=options.ent_coef,
        )
        return Losses(loss, terms)


def build_reinforce(
    config: RunConfig,
    env: StatefulVectorEnv,
    model: nn.Module,
    *,
    rank: int,
    device: torch.device,
    about: dict[str, Any],
) -> OnPolicy:
    """Build the trainer of `algo.name: reinforce`; arguments and errors as `build_on_policy`."""
    algorithm = Reinforce(config.algo)
    return build_on_policy(config, env, model, algorithm, rank=rank, device=device, about=about)
