"""What all on-policy algorithms share, as a LightningModule: rollouts and minibatches.

One Lightning epoch is one iteration: the rollout is collected when the epoch starts, and every
training step is one minibatch. An `Algorithm` says what is learnt from a rollout.
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
    """What the network puts out for a minibatch.

    With routes, the three may be copies of the same numbers with gradients of their own.
    """

    logits: Tensor
    """`[B, A]`, for the policy's loss."""
    values: Tensor
    """`[B]`."""
    entropy_logits: Tensor
    """`[B, A]`, for the entropy; the same tensor as `logits` unless routes treat it differently."""

    def evaluate(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probabilities of actions `[B]`, and entropies, both `[B]`."""
        log_probs, entropy = action_log_prob(self.logits, actions)
        if self.entropy_logits is not self.logits:
            _, entropy = action_log_prob(self.entropy_logits, actions)
        return log_probs, entropy


class Losses(NamedTuple):
    """A minibatch's loss and what is logged of it."""

    total: Tensor
    logged: dict[str, Tensor]
    log_ratio: Tensor | None = None
    """`[B]`, new minus old log-probability, for the divergence of each route; `None` logs none."""


class Algorithm(Protocol):
    """What differs between algorithms.

    Subclasses inherit the defaults: plain rollouts, no clipping, no state, no metrics of their own.
    """

    columns: tuple[str, ...]
    """Columns of the rollout that a minibatch holds."""
    num_steps: int
    num_minibatches: int
    update_epochs: int
    adam_eps: float
    max_grad_norm: float | None = None
    """Maximal global norm of the gradient; `None` clips nothing."""
    target_kl: float | None = None
    """End an iteration's updates once `approx_kl` exceeds this; `None` never does."""
    needs_next_obs: bool = False
    """Whether rollouts must keep the observation after each step; see `RolloutBuffer`."""
    needs_whole_view: bool = False
    """Whether they must keep views of the whole world, which the environment then must offer."""

    @property
    def exploration_policy(self) -> Policy | None:
        """Policy that collects the next rollout, from which the network then learns nothing.

        `None`: the network itself, which learns from it.
        """
        return None

    def learning_rate(self, progress: float) -> float:
        """Return the step size when `progress` (0 to 1) of the planned iterations are done."""

    def finish(self, buffer: RolloutBuffer, last_values: Tensor) -> None:
        """Compute from a rollout's raw rewards the columns that the losses need, in place.

        Raises:
            NumericsError: A number is not finite.
        """

    def losses(self, outputs: Outputs, batch: dict[str, Tensor]) -> Losses:
        """Compute the loss of a minibatch."""

    def metrics(self) -> dict[str, float]:
        """Return what is logged of the last rollout beside the losses."""
        return {}

    def get_state(self) -> dict[str, Any]:
        """Return what the next iteration depends on, as plain values; equal on every process."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        return


class OnPolicy(IterationModule):
    """Collects a rollout in every iteration, and takes the algorithm's optimiser steps on it.

    Args:
        model: Observations `[B, C, H, W]` to logits `[B, A]` and values `[B]`.
        collector: Steps this process's environments.
        algorithm: Turns rollouts into losses.
        num_iterations: Planned iterations, over which the learning rate is annealed.
        total_envs: Environments over all processes.
        minibatch_generator: Generator of the minibatch permutations.
        channels_last: Memory layout of the inputs of convolutions.
        about: What identifies the run (config, spaces, versions); stored in every checkpoint.
        routes: Labels and gradient routing; `None` trains without.

    Raises:
        ConfigError: The network would not always answer the same observation alike.
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
        """Make Adam; with routes that freeze, regions without gradient keep still."""
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
        """Start an iteration: set the learning rate, collect a rollout, compute targets."""
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
        """Warn of regions that no gradient ever reached."""
        if self.routes is None or rank() != 0:
            return
        for region in self.routes.untouched(self.trainer.optimizers[0]):
            print(
                f"warning: region {region} never got a gradient in this run: no example that "
                "reaches it was learnt from, or the rest of the network does not listen to it",
                file=sys.stderr,
            )

    def compute_metrics(self) -> dict[str, float]:
        """Compute what the finished iteration logs, with CleanRL's names.

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
        """Average over minibatches and processes without NaN: a route may be empty in some."""
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
        """Go on from our part of a checkpoint, as the process of that number."""
        own = state["ranks"][rank]
        super().restore(state, rank)
        self.algorithm.set_state(state["algorithm"])
        self.collector.set_state(own["collector"])
        if self.routes is not None:
            self.routes.labels.set_state(own["labels"])
