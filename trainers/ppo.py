"""Proximal policy optimisation as a LightningModule.

One Lightning epoch is one PPO iteration: the rollout is collected when the epoch starts, every
training step is one minibatch, and the state at the end of an epoch is what a checkpoint holds.
"""

from __future__ import annotations

import math
import time
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn

from configs import NumericsError, PPOConfig, RunConfig
from envs import StatefulVectorEnv
from trainers import seeding
from trainers.advantages import gae
from trainers.collector import Collector
from trainers.distributed import gather, rank, standardize, sum_over_ranks
from trainers.losses import (
    action_log_prob,
    divergence,
    explained_variance,
    policy_loss,
    value_loss,
)
from trainers.reward_norm import RewardNormalizer
from trainers.rollout import MinibatchLoader, RolloutBuffer

MINIBATCH_COLUMNS = ("obs", "actions", "log_probs", "values", "advantages", "returns")


class PPO(L.LightningModule):
    """PPO with CleanRL's details (Huang et al. 2022, "The 37 Implementation Details of PPO").

    Args:
        model: observations `[B, C, H, W]` to logits `[B, A]` and values `[B]`.
        collector: steps this process's environments.
        algo: hyperparameters.
        num_iterations: planned iterations, which the learning rate is annealed over.
        total_envs: environments over all processes.
        minibatch_generator: CPU generator of the minibatch permutations.
        channels_last: memory layout of the inputs of convolutions.
        about: what identifies the run (config, spaces, versions), stored in every checkpoint.
    """

    def __init__(
        self,
        model: nn.Module,
        collector: Collector,
        algo: PPOConfig,
        *,
        num_iterations: int,
        total_envs: int,
        minibatch_generator: torch.Generator,
        channels_last: bool,
        about: dict[str, Any],
    ) -> None:
        super().__init__()
        self.model, self.collector, self.algo = model, collector, algo
        self.num_iterations, self.total_envs = num_iterations, total_envs
        self.minibatch_generator, self.channels_last = minibatch_generator, channels_last
        self.about = about
        self.iteration = 0
        self.frames_per_iteration = algo.num_steps * total_envs
        self.normalizer = RewardNormalizer(
            total_envs,
            gamma=algo.gamma if algo.norm_reward_gamma is None else algo.norm_reward_gamma,
            clip=algo.reward_clip,
        )
        self.batch: dict[str, Tensor] = {}
        self._steps: list[dict[str, Tensor]] = []
        self._metrics: dict[str, float] = {}
        self._restored: dict[str, Any] | None = None

    @property
    def env_steps(self) -> int:
        """Environment steps taken so far, over all processes."""
        return self.iteration * self.frames_per_iteration

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `[B, A]` and values `[B]` of observations in the environment's layout."""
        if obs.dim() == 4:
            obs = obs.permute(0, 3, 1, 2)
            if not self.channels_last:
                obs = obs.contiguous()
        output: tuple[Tensor, Tensor] = self.model(obs)
        return output

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam with CleanRL's epsilon, in one fused kernel."""
        return torch.optim.Adam(
            self.model.parameters(), lr=self.algo.learning_rate, eps=self.algo.adam_eps, fused=True
        )

    def on_fit_start(self) -> None:
        """Make the rollout's columns on the device that Lightning chose."""
        obs = self.collector.obs
        self.buffer = RolloutBuffer(
            self.algo.num_steps,
            len(obs),
            obs.shape[1:],
            torch.from_numpy(obs).dtype,
            self.device,
        )

    def train_dataloader(self) -> MinibatchLoader:
        """Minibatches of the current rollout."""
        return MinibatchLoader(
            self.buffer,
            MINIBATCH_COLUMNS,
            num_minibatches=self.algo.num_minibatches,
            update_epochs=self.algo.update_epochs,
            generator=self.minibatch_generator,
        )

    def on_train_epoch_start(self) -> None:
        """Start an iteration: learning rate, rollout, advantages."""
        self.iteration += 1
        self._started = time.perf_counter()
        self._steps, self._metrics = [], {}
        rate = self.algo.learning_rate
        if self.algo.anneal_lr:
            rate *= 1 - (self.iteration - 1) / self.num_iterations
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate
        with self.trainer.precision_plugin.forward_context():
            last_values = self.collector.collect(self, self.buffer)
        self._finish_rollout(last_values)
        self._collected = time.perf_counter()

    def _finish_rollout(self, last_values: Tensor) -> None:
        """Normalise rewards, then fill in advantages and returns."""
        buffer, algo = self.buffer, self.algo
        if algo.norm_reward:
            buffer["rewards"].copy_(self._normalised_rewards())
        advantages, returns = gae(
            buffer["rewards"],
            buffer["values"],
            buffer["dones"],
            last_values,
            buffer["bootstrap"],
            gamma=algo.gamma,
            gae_lambda=algo.gae_lambda,
        )
        if not bool(torch.isfinite(advantages).all()):
            raise NumericsError(f"advantages of iteration {self.iteration} are not finite")
        if algo.norm_adv == "batch":
            advantages = standardize(advantages)
        buffer["advantages"].copy_(advantages)
        buffer["returns"].copy_(returns)

    def _normalised_rewards(self) -> Tensor:
        """Every process normalises the rewards of all, so that all keep the same statistics."""
        mine = (self.buffer["rewards"].cpu().numpy(), self.buffer["dones"].cpu().numpy())
        rewards, dones = zip(*gather(mine), strict=True)
        normalised = self.normalizer(
            np.concatenate(rewards, axis=1).astype(np.float64), np.concatenate(dones, axis=1)
        )
        first = rank() * self.buffer.num_envs
        own = normalised[:, first : first + self.buffer.num_envs]
        return torch.from_numpy(own.astype(np.float32)).to(self.device)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        """End the iteration's updates when the policy has moved further than `target_kl`."""
        limit, done = self.algo.target_kl, batch_idx % self.algo.num_minibatches == 0
        if limit is None or not done or not self._steps:
            return None
        return -1 if self._mean_over_ranks(self._steps[-1]["approx_kl"]) > limit else None

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """The loss of one minibatch."""
        self.batch = batch
        logits, values = self(batch["obs"])
        values = values.float()
        log_probs, entropy = action_log_prob(logits, batch["actions"])
        log_ratio = log_probs - batch["log_probs"]
        advantages = batch["advantages"]
        if self.algo.norm_adv == "minibatch":
            advantages = standardize(advantages)
        clip = self.algo.clip_coef
        terms = {
            "policy_loss": policy_loss(log_ratio, advantages, clip).mean(),
            "value_loss": value_loss(
                values, batch["values"], batch["returns"], clip if self.algo.clip_vloss else None
            ).mean(),
            "entropy": entropy.mean(),
        }
        loss = (
            terms["policy_loss"]
            + self.algo.vf_coef * terms["value_loss"]
            - self.algo.ent_coef * terms["entropy"]
        )
        with torch.no_grad():
            terms |= divergence(log_ratio, clip)
        self._steps.append({"loss": loss.detach()} | {k: v.detach() for k, v in terms.items()})
        return loss

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip by the global norm, and refuse to step when the norm or the loss is not finite."""
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.algo.max_grad_norm)
        step = self._steps[-1]
        if not math.isfinite(norm) or not math.isfinite(step["loss"]):
            culprits = [k for k, v in step.items() if k != "loss" and not math.isfinite(v)]
            raise NumericsError(
                f"loss or gradient of iteration {self.iteration} is not finite "
                f"(loss {float(step['loss']):g}, gradient norm {float(norm):g}"
                + (f", from {', '.join(culprits)})" if culprits else ")")
            )
        step["grad_norm"] = norm

    def metrics(self) -> dict[str, float]:
        """What the finished iteration logs, with CleanRL's names (computed once).

        Collective: every process must call it. Means over minibatches, and over the last
        `EPISODE_WINDOW` episodes of each process.
        """
        if not self._metrics:
            self._metrics = self._episode_metrics() | self._loss_metrics() | self._speed_metrics()
        return self._metrics

    def _episode_metrics(self) -> dict[str, float]:
        episodes = [e for part in gather(list(self.collector.episodes)) for e in part]
        means = np.mean(episodes, axis=0) if episodes else np.full(3, np.nan)
        names = ("episodic_return", "episodic_length", "success")
        return {f"charts/{name}": float(mean) for name, mean in zip(names, means, strict=True)}

    def _loss_metrics(self) -> dict[str, float]:
        names = [name for name in self._steps[0] if name != "loss"]
        means = {
            f"losses/{name}": self._mean_over_ranks(torch.stack([s[name] for s in self._steps]))
            for name in names
        }
        explained = explained_variance(self.buffer["values"], self.buffer["returns"])
        return means | {"losses/explained_variance": self._mean_over_ranks(explained)}

    def _speed_metrics(self) -> dict[str, float]:
        now = time.perf_counter()
        return {
            "charts/learning_rate": float(self.trainer.optimizers[0].param_groups[0]["lr"]),
            "charts/SPS": self.frames_per_iteration / (now - self._started),
            "time/rollout_s": self._collected - self._started,
            "time/update_s": now - self._collected,
            "charts/minibatches": float(len(self._steps)),
        }

    def _mean_over_ranks(self, values: Tensor) -> float:
        total = sum_over_ranks(values.float().mean())
        return float(total) / self.trainer.world_size

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add everything that Lightning doesn't know of; runs on every process."""
        own = {
            "collector": self.collector.get_state(),
            "minibatches": self.minibatch_generator.get_state(),
        }
        checkpoint["chisel"] = self.about | {
            "iteration": self.iteration,
            "env_steps": self.env_steps,
            "normalizer": self.normalizer.get_state(),
            "ranks": gather(own),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what is restored once Lightning has set everything up."""
        self._restored = checkpoint["chisel"]

    def on_train_start(self) -> None:
        """Restore environments and generators last: setting up a fit draws random numbers."""
        if self._restored is None:
            return
        state = self._restored
        own = state["ranks"][rank()]
        self.iteration = state["iteration"]
        self.normalizer.set_state(state["normalizer"])
        self.collector.set_state(own["collector"])
        self.minibatch_generator.set_state(own["minibatches"].cpu())
        self._restored = None


def build_ppo(
    config: RunConfig,
    env: StatefulVectorEnv,
    model: nn.Module,
    *,
    rank: int,
    device: torch.device,
    about: dict[str, Any],
) -> PPO:
    """The registered builder of `algo.name: ppo`."""
    algo: PPOConfig = config.algo
    collector = Collector(
        env,
        seed=seeding.derive(config, "env", rank),
        generator=seeding.generator(config, "actions", rank, device),
    )
    return PPO(
        model,
        collector,
        algo,
        num_iterations=max(1, config.frames // (algo.num_steps * config.env.num_envs)),
        total_envs=config.env.num_envs,
        minibatch_generator=seeding.generator(config, "minibatches", rank),
        channels_last=config.trainer.channels_last,
        about=about,
    )
