"""REINFORCE with a learnt baseline: what it makes of a rollout, and its loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from chisel.configs import NumericsError, ReinforceConfig, RunConfig
from chisel.envs import StatefulVectorEnv
from chisel.models import ActorCritic
from chisel.trainers.onpolicy.build import build_on_policy
from chisel.trainers.onpolicy.collector import Policy
from chisel.trainers.onpolicy.losses import action_log_prob, weighted_mean
from chisel.trainers.onpolicy.module import Losses, OnPolicy, Outputs
from chisel.trainers.onpolicy.rollout import RolloutBuffer


def returns_to_go(rewards: Tensor, dones: Tensor, gamma: float) -> Tensor:
    """Discounted sums of the rewards that are still to come `[T, N]`.

    They end with the episode, and with the rollout: what an unfinished episode may still bring
    counts as 0.

    Args:
        rewards: `[T, N]`.
        dones: bool `[T, N]`, whether the episode ended in step t.
        gamma: discount in [0, 1].
    """
    decay = gamma * (~dones).to(rewards.dtype)
    returns = rewards.clone()
    for t in range(len(rewards) - 2, -1, -1):
        returns[t] += decay[t] * returns[t + 1]
    return returns


class Reinforce:
    """REINFORCE as in Cloud et al. 2024, appendix F; an `Algorithm` for `OnPolicy`.

    `-log π(a|s) (R - V(s)) + vf_coef (V(s) - R)² - ent_coef H`, a mean over the steps of a rollout,
    with one update per rollout: no bootstrap, no normalised advantage, no clip.

    Args:
        options: hyperparameters.
    """

    columns: tuple[str, ...] = ("obs", "actions", "returns")
    num_minibatches = 1
    update_epochs = 1
    max_grad_norm: float | None = None
    target_kl: float | None = None
    wants_arrivals = False
    exploration_policy: Policy | None = None

    def __init__(self, options: ReinforceConfig) -> None:
        self.options = options
        self.num_steps, self.adam_eps = options.num_steps, options.adam_eps

    def learning_rate(self, progress: float) -> float:
        """Constant."""
        return self.options.learning_rate

    def finish(self, buffer: RolloutBuffer, last_values: Tensor) -> None:
        """Fill in the returns.

        Raises:
            NumericsError: A return is not finite.
        """
        returns = returns_to_go(buffer["rewards"], buffer["dones"], self.options.gamma)
        if not bool(torch.isfinite(returns).all()):
            raise NumericsError("returns are not finite")
        buffer["returns"].copy_(returns)

    def losses(self, outputs: Outputs, batch: dict[str, Tensor]) -> Losses:
        """Score function with baseline + value error - entropy bonus."""
        options, weights, returns = self.options, batch.get("weights"), batch["returns"]
        log_probs, entropy = action_log_prob(outputs.logits, batch["actions"])
        if outputs.entropy_logits is not outputs.logits:
            _, entropy = action_log_prob(outputs.entropy_logits, batch["actions"])
        advantages = returns - outputs.values.detach()
        terms = {
            "policy_loss": weighted_mean(-log_probs * advantages, weights),
            "value_loss": weighted_mean((outputs.values - returns).square(), weights),
            "entropy": weighted_mean(entropy, weights),
        }
        loss = (
            terms["policy_loss"]
            + options.vf_coef * terms["value_loss"]
            - options.ent_coef * terms["entropy"]
        )
        return Losses(loss, terms)

    def metrics(self) -> dict[str, float]:
        """Nothing beside the losses."""
        return {}

    def get_state(self) -> dict[str, Any]:
        """Nothing is kept between iterations."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""


def build_reinforce(
    config: RunConfig,
    env: StatefulVectorEnv,
    model: ActorCritic,
    *,
    rank: int,
    device: torch.device,
    about: dict[str, Any],
) -> OnPolicy:
    """The registered builder of `algo.name: reinforce`."""
    algorithm = Reinforce(config.algo)
    return build_on_policy(config, env, model, algorithm, rank=rank, device=device, about=about)
