"""The LightningModule of all on-policy algorithms: rollouts and minibatches.

One Lightning epoch is one iteration. The rollout is collected when the epoch starts, and every
training step is one minibatch. An `Algorithm` defines what is learnt from a rollout.
"""

from __future__ import annotations

import math
import sys
import time
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from chisel.configs import NumericsError
from chisel.models import ActorCritic, as_tensor
from chisel.trainers.onpolicy.collector import Collector, Policy
from chisel.trainers.onpolicy.losses import action_log_prob, explained_variance
from chisel.trainers.onpolicy.repeatable import require_repeatable
from chisel.trainers.onpolicy.rollout import RolloutBuffer
from chisel.trainers.routed.routes import Routes
from chisel.trainers.runs.distributed import gather, rank, sum_over_ranks
from chisel.trainers.runs.iterations import IterationModule, MinibatchLoader
from chisel.trainers.runs.optimizer_state import make_adam


class Outputs(NamedTuple):
    """Outputs of the network for a minibatch.

    With routing, both logits may be the same numbers with different gradients.
    """

    logits: Tensor
    """Logits `[B, A]` for the policy's loss."""
    values: Tensor
    """Values `[B]`."""
    entropy_logits: Tensor
    """Logits `[B, A]` for the entropy; the same tensor as `logits` unless their routing differs."""

    def evaluate(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probabilities of actions `[B]`, and entropies in nats, both `[B]`."""
        log_probs, entropy = action_log_prob(self.logits, actions)
        if self.entropy_logits is not self.logits:
            _, entropy = action_log_prob(self.entropy_logits, actions)
        return log_probs, entropy


class Losses(NamedTuple):
    """The loss of a minibatch, and metrics of it."""

    total: Tensor
    logged: dict[str, Tensor]
    log_ratio: Tensor | None = None
    """New minus old log-probabilities `[B]`, for metrics of each label; `None` logs none."""


class Algorithm(Protocol):
    """An on-policy algorithm.

    Subclasses inherit the defaults: plain rollouts, no clipping, no state, no additional metrics.
    """

    columns: tuple[str, ...]
    """Columns of the rollout that a minibatch needs."""
    num_steps: int
    num_minibatches: int
    update_epochs: int
    adam_eps: float
    max_grad_norm: float | None = None
    """Maximal global norm of the gradient; `None` clips nothing."""
    target_kl: float | None = None
    """End an iteration's updates once `approx_kl` exceeds this; `None` sets no limit."""
    needs_next_obs: bool = False
    """Whether rollouts must keep the observation after each step; see `RolloutBuffer`."""
    needs_whole_view: bool = False
    """Whether rollouts must keep views of the whole world, which the environment must then have."""

    @property
    def exploration_policy(self) -> Policy | None:
        """Policy that collects the next rollout without updating the network.

        `None`: the network collects the rollout and learns from it.
        """
        return None

    def learning_rate(self, progress: float) -> float:
        """Return the learning rate after a share `progress`, in [0, 1], of the iterations."""

    def finish(self, buffer: RolloutBuffer, last_values: Tensor) -> None:
        """Compute the columns of a rollout that the losses need, in place.

        Args:
            buffer: The rollout, with rewards as the environment gave them.
            last_values: Values `[N]` of the observations after the last step.

        Raises:
            NumericsError: If a number is not finite.
        """

    def losses(self, outputs: Outputs, batch: dict[str, Tensor]) -> Losses:
        """Compute the loss of a minibatch.

        Args:
            outputs: Outputs of the network for the minibatch.
            batch: Its columns, `[B, …]` each.
        """

    def metrics(self) -> dict[str, float]:
        """Return metrics of the last rollout, in addition to the losses."""
        return {}

    def get_state(self) -> dict[str, Any]:
        """Return state for the next iteration, as plain values that are equal on all processes."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        return


class OnPolicy(IterationModule):
    """Collects a rollout in each iteration, and takes optimiser steps on it.

    Args:
        model: Network from observations `[B, C, H, W]` to logits `[B, A]` and values `[B]`.
        collector: Collector with this process's environments.
        algorithm: The algorithm.
        num_iterations: Planned iterations, over which the learning rate is annealed.
        total_envs: Number of environments of all processes.
        minibatch_generator: Generator of the minibatch permutations.
        channels_last: Whether inputs of convolutions have the memory layout channels-last.
        about: Facts that identify the run (config, spaces, versions), for checkpoints.
        routes: Labels and gradient routing; `None` trains without.

    Raises:
        ConfigError: If the network does not always give the same outputs for an observation.
    """

    def __init__(
        self,
        model: ActorCritic,
        collector: Collector,
        algorithm: Algorithm,
        *,
        num_iterations: int,
        total_envs: int,
        minibatch_generator: torch.Generator,
        channels_last: bool,
        about: dict[str, Any],
        routes: Routes | None = None,
    ) -> None:
        super().__init__(
            num_iterations=num_iterations,
            frames_per_iteration=algorithm.num_steps * total_envs,
            minibatch_generator=minibatch_generator,
            about=about,
        )
        self.model, self.collector, self.algorithm = model, collector, algorithm
        self.max_grad_norm = algorithm.max_grad_norm
        self.channels_last, self.routes = channels_last, routes
        self._exploring = False
        require_repeatable(model, self, collector.env.single_observation_space)

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits `[B, A]` and values `[B]` of observations in the environment's layout."""
        output: tuple[Tensor, Tensor] = self.model(self._images(obs))
        return output

    def _images(self, obs: Tensor) -> Tensor:
        if obs.dim() == 4:
            obs = obs.permute(0, 3, 1, 2)
            if not self.channels_last:
                obs = obs.contiguous()
        return obs

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Make Adam; if regions are frozen, it leaves those without gradient unchanged."""
        owned = None if self.routes is None else self.routes.owned()
        rate, eps = self.algorithm.learning_rate(0.0), self.algorithm.adam_eps
        return make_adam(self.model, owned, lr=rate, eps=eps)

    def on_fit_start(self) -> None:
        """Allocate the rollout on the device that Lightning chose."""
        obs, needed = self.collector.obs, self.algorithm.needs_whole_view
        whole = self.collector.whole_view().shape[1:] if needed else None
        self.buffer = RolloutBuffer(
            self.algorithm.num_steps,
            len(obs),
            obs.shape[1:],
            as_tensor(obs).dtype,
            self.device,
            keep_next_obs=self.algorithm.needs_next_obs,
            whole_shape=whole,
        )

    def train_dataloader(self) -> MinibatchLoader:
        """Make the loader of the current rollout's minibatches."""
        columns = self.algorithm.columns + (self.routes.columns if self.routes else ())
        steps = self.buffer.num_steps * self.buffer.num_envs
        return MinibatchLoader(
            lambda: {name: self.buffer.flat(name) for name in columns},
            num_examples=steps,
            batch_size=steps // self.algorithm.num_minibatches,
            epochs=self.algorithm.update_epochs,
            generator=self.minibatch_generator,
        )

    def on_train_epoch_start(self) -> None:
        """Start an iteration: set the learning rate, collect a rollout, compute targets.

        Raises:
            NumericsError: If a number is not finite.
        """
        super().on_train_epoch_start()
        exploration_policy = self.algorithm.exploration_policy
        self._exploring = exploration_policy is not None
        rate = self.algorithm.learning_rate((self.iteration - 1) / self.num_iterations)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate
        if self.routes is not None:
            self.routes.begin(self.env_steps - self.frames_per_iteration)
        with self.trainer.precision_plugin.forward_context():
            last_values = self.collector.collect(exploration_policy or self, self.buffer)
        if self.routes is not None:
            with torch.inference_mode(), self.trainer.precision_plugin.forward_context():
                self.routes.finish(self.buffer.columns, self)
        try:
            self.algorithm.finish(self.buffer, last_values)
        except NumericsError as error:
            raise NumericsError(f"iteration {self.iteration}: {error}") from error
        self._collected = time.perf_counter()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        """End the iteration's updates once the policy has moved further than `target_kl`."""
        if self._exploring:
            return -1
        limit, done = self.algorithm.target_kl, batch_idx % self.algorithm.num_minibatches == 0
        if limit is None or not done or not self._steps:
            return None
        return -1 if self._mean_over_ranks(self._steps[-1]["approx_kl"]) > limit else None

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Compute the loss of one minibatch."""
        self.batch = batch
        if self.routes is None:
            logits, values = self(batch["obs"])
            outputs = Outputs(logits, values.float(), logits)
            loss, logged, _ = self.algorithm.losses(outputs, batch)
        else:
            logits, values, entropy_logits = self.routes.forward(
                self.model, self._images(batch["obs"]), batch
            )
            outputs = Outputs(logits, values.float(), entropy_logits)
            losses = self.algorithm.losses(outputs, batch)
            extra, more = self.routes.losses(batch, losses.log_ratio)
            loss, logged = losses.total + extra, losses.logged | more
        self.record(loss, logged)
        return loss

    def on_fit_end(self) -> None:
        """Print a warning for each region that never had a gradient."""
        if self.routes is None or rank() != 0:
            return
        for region in self.routes.untouched(self.trainer.optimizers[0]):
            print(
                f"warning: region {region} never got a gradient in this run: no example that is "
                "routed to it was trained on, or the rest of the network ignores its units",
                file=sys.stderr,
            )

    def compute_metrics(self) -> dict[str, float]:
        """Compute the metrics of the finished iteration, with CleanRL's names.

        Losses are means over minibatches; returns, lengths and successes are means over the last
        `EPISODE_WINDOW` episodes of each process.
        """
        losses = {} if self._exploring else self._loss_metrics()
        own = self._episode_metrics() | losses | self.algorithm.metrics()
        return own | self._speed_metrics()

    def _episode_metrics(self) -> dict[str, float]:
        episodes = [e for part in gather(list(self.collector.episodes)) for e in part]
        means = np.mean(episodes, axis=0) if episodes else np.full(3, np.nan)
        names = ("episodic_return", "episodic_length", "success")
        return {f"charts/{name}": float(mean) for name, mean in zip(names, means, strict=True)}

    def _loss_metrics(self) -> dict[str, float]:
        means = {
            name if "/" in name else f"losses/{name}": self._mean_over_ranks(
                torch.stack([step[name] for step in self._steps])
            )
            for name in self._steps[0]
            if name != "loss"
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
        """Average over minibatches and processes, leaving out NaN (of labels without examples)."""
        known = values.float().flatten()
        known = known[~known.isnan()]
        sums = torch.stack([known.sum(), torch.tensor(float(len(known)), device=known.device)])
        total, count = sum_over_ranks(sums).tolist()
        return total / count if count else math.nan

    def get_state(self) -> dict[str, Any]:
        """Return the states of the algorithm, and of every process's environments and draws."""
        own = {
            "collector": self.collector.get_state(),
            "minibatches": self.minibatch_generator.get_state(),
            "labels": None if self.routes is None else self.routes.labels.get_state(),
        }
        return {
            "algorithm": self.algorithm.get_state(),
            "routing": None if self.routes is None else self.routes.router.to_plain(),
            "ranks": gather(own),
        }

    def restore(self, state: dict[str, Any], rank: int) -> None:
        """Go on from the `chisel` part of a checkpoint, as process `rank`."""
        own = state["ranks"][rank]
        super().restore(state, rank)
        self.algorithm.set_state(state["algorithm"])
        self.collector.set_state(own["collector"])
        if self.routes is not None:
            self.routes.labels.set_state(own["labels"])
