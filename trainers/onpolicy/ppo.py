"""Proximal policy optimisation (PPO): advantages of a rollout, and the loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chisel.configs import NumericsError, PPOConfig, RunConfig
from chisel.envs import StatefulVectorEnv, is_device_env
from chisel.trainers.onpolicy.advantages import gae
from chisel.trainers.onpolicy.build import build_on_policy
from chisel.trainers.onpolicy.losses import divergence, policy_loss, total_loss, value_loss
from chisel.trainers.onpolicy.module import Algorithm, Losses, OnPolicy, Outputs
from chisel.trainers.onpolicy.reward_norm import DeviceRewardNormalizer, RewardNormalizer
from chisel.trainers.onpolicy.rollout import RolloutBuffer
from chisel.trainers.runs.distributed import gather, rank, standardize


class PPO(Algorithm):
    """PPO with CleanRL's details (Huang et al. 2022, "The 37 Implementation Details of PPO").

    Args:
        options: Hyperparameters.
        total_envs: Number of environments of all processes.
        normalize_on_device: Whether rewards are normalised on their device, with one process only.
    """

    columns: tuple[str, ...] = (
        "obs",
        "actions",
        "log_probs",
        "values",
        "advantages",
        "returns",
    )

    def __init__(
        self, options: PPOConfig, *, total_envs: int, normalize_on_device: bool = False
    ) -> None:
        self.options = options
        self.num_steps, self.num_minibatches = options.num_steps, options.num_minibatches
        self.update_epochs, self.adam_eps = options.update_epochs, options.adam_eps
        self.max_grad_norm: float | None = options.max_grad_norm
        self.target_kl = options.target_kl
        kind = DeviceRewardNormalizer if normalize_on_device else RewardNormalizer
        self.normalizer: DeviceRewardNormalizer | RewardNormalizer = kind(
            total_envs,
            gamma=options.gamma if options.norm_reward_gamma is None else options.norm_reward_gamma,
            clip=options.reward_clip,
        )

    def learning_rate(self, progress: float) -> float:
        """Return the learning rate, annealed linearly to 0 if `anneal_lr`."""
        rate = self.options.learning_rate
        return rate * (1 - progress) if self.options.anneal_lr else rate

    def finish(self, buffer: RolloutBuffer, last_values: Tensor) -> None:
        """Normalise rewards, then fill in advantages and returns.

        Raises:
            NumericsError: If an advantage is not finite.
        """
        options = self.options
        if options.norm_reward:
            buffer["rewards"].copy_(self._normalised_rewards(buffer))
        advantages, returns = gae(
            buffer["rewards"],
            buffer["values"],
            buffer["dones"],
            last_values,
            buffer["bootstrap"],
            gamma=options.gamma,
            gae_lambda=options.gae_lambda,
        )
        if not bool(torch.isfinite(advantages).all()):
            raise NumericsError("advantages are not finite")
        if options.norm_adv == "batch":
            advantages = standardize(advantages)
        buffer["advantages"].copy_(advantages)
        buffer["returns"].copy_(returns)

    def _normalised_rewards(self, buffer: RolloutBuffer) -> Tensor:
        """Normalise all processes' rewards on each process, so that all have equal statistics."""
        if isinstance(self.normalizer, DeviceRewardNormalizer):
            return self.normalizer(buffer["rewards"], buffer["dones"])
        mine = (buffer["rewards"].cpu().numpy(), buffer["dones"].cpu().numpy())
        rewards, dones = zip(*gather(mine), strict=True)
        normalised = self.normalizer(
            np.concatenate(rewards, axis=1).astype(np.float64), np.concatenate(dones, axis=1)
        )
        first = rank() * buffer.num_envs
        own = normalised[:, first : first + buffer.num_envs]
        return torch.from_numpy(own.astype(np.float32)).to(buffer["rewards"].device)

    def losses(self, outputs: Outputs, batch: dict[str, Tensor]) -> Losses:
        """Compute the clipped surrogate plus the value error minus the entropy bonus."""
        options, weights = self.options, batch.get("weights")
        log_probs, entropy = outputs.evaluate(batch["actions"])
        log_ratio = log_probs - batch["log_probs"]
        advantages = batch["advantages"]
        if options.norm_adv == "minibatch":
            advantages = standardize(advantages)
        clip = options.clip_coef
        value_clip = clip if options.clip_vloss else None
        errors = value_loss(outputs.values, batch["values"], batch["returns"], value_clip)
        loss, terms = total_loss(
            policy_loss(log_ratio, advantages, clip),
            errors,
            entropy,
            weights,
            vf_coef=options.vf_coef,
            ent_coef=options.ent_coef,
        )
        with torch.no_grad():
            terms |= divergence(log_ratio, clip)
        return Losses(loss, terms, log_ratio)

    def get_state(self) -> dict[str, Any]:
        """Return the running statistics of rewards."""
        return self.normalizer.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        self.normalizer.set_state(state)


def build_ppo(
    config: RunConfig,
    env: StatefulVectorEnv,
    model: nn.Module,
    *,
    rank: int,
    device: torch.device,
    about: dict[str, Any],
) -> OnPolicy:
    """Build the trainer of `algo.name: ppo`; arguments and errors as for `build_on_policy`."""
    total = config.env.num_envs
    algorithm = PPO(
        config.algo,
        total_envs=total,
        normalize_on_device=is_device_env(env) and env.num_envs == total,
    )
    return build_on_policy(config, env, model, algorithm, rank=rank, device=device, about=about)
