"""What every on-policy algorithm shares, as a LightningModule: rollouts, minibatches, checkpoints.

One Lightning epoch is one iteration: the rollout is collected when the epoch starts, every training
step is one minibatch, and the state at the end of an epoch is what a checkpoint holds. What is done
with a rollout is the `Algorithm`'s.
"""

from __future__ import annotations

import math
import sys
import time
from typing import Any, NamedTuple, Protocol

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn

from chisel.configs import NumericsError
from chisel.models import ActorCritic
from chisel.trainers.onpolicy.collector import Collector, Policy
from chisel.trainers.onpolicy.losses import explained_variance
from chisel.trainers.onpolicy.repeatable import require_repeatable
from chisel.trainers.onpolicy.rollout import MinibatchLoader, RolloutBuffer
from chisel.trainers.routed.routes import Routes
from chisel.trainers.runs.distributed import gather, rank, sum_over_ranks
from chisel.trainers.runs.moments import keep_layout


class Outputs(NamedTuple):
    """What the network says of a minibatch; routed terms see the same numbers, forked."""

    logits: Tensor
    """`[B, A]`, for the policy's loss."""
    values: Tensor
    """`[B]`."""
    entropy_logits: Tensor
    """`[B, A]`, for the entropy."""


class Losses(NamedTuple):
    """A minibatch's loss and what is logged of it."""

    total: Tensor
    logged: dict[str, Tensor]
    log_ratio: Tensor | None = None
    """`[B]`, by which the divergence of each route is logged; None if there is none."""


class Algorithm(Protocol):
    """What is particular to an algorithm."""

    columns: tuple[str, ...]
    """Columns of the rollout that a minibatch holds."""
    num_steps: int
    num_minibatches: int
    update_epochs: int
    adam_eps: float
    max_grad_norm: float | None
    """Where the global norm of the gradient is clipped; None never does."""
    target_kl: float | None
    """End an iteration's updates once `approx_kl` passes this; None never does."""
    wants_arrivals: bool
    """Whether rollouts must keep what each step led to; see `RolloutBuffer`."""

    @property
    def exploration_policy(self) -> Policy | None:
        """Who acts in the next iteration, which leaves the network as it is; None: the network."""
        ...

    def learning_rate(self, progress: float) -> float:
        """The step size when `progress` (0 to 1) of the planned iterations are done."""
        ...

    def finish(self, buffer: RolloutBuffer, last_values: Tensor) -> None:
        """Turn a rollout's raw rewards into what its losses need.

        Raises:
            NumericsError: A number is not finite.
        """
        ...

    def losses(self, outputs: Outputs, batch: dict[str, Tensor]) -> Losses:
        """The loss of a minibatch."""
        ...

    def metrics(self) -> dict[str, float]:
        """What is logged of the rollout that was finished last, beside the losses."""
        ...

    def get_state(self) -> dict[str, Any]:
        """What the next iteration depends on, as plain values; the same on every process."""
        ...

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from `get_state`."""
        ...


class OnPolicy(L.LightningModule):
    """Collects, lets the algorithm work out losses, steps, logs, and saves everything.

    Args:
        model: observations `[B, C, H, W]` to logits `[B, A]` and values `[B]`.
        collector: steps this process's environments.
        algorithm: what is learnt from a rollout.
        num_iterations: planned iterations, which the learning rate is annealed over.
        total_envs: environments over all processes.
        minibatch_generator: CPU generator of the minibatch permutations.
        channels_last: memory layout of the inputs of convolutions.
        about: what identifies the run (config, spaces, versions), stored in every checkpoint.
        routes: labels and gradient routing; None trains without.

    Raises:
        ConfigError: the network would not answer the same observation alike each time.
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
        super().__init__()
        self.model: Any = model  # Lightning's stubs would take it for any module
        self.collector, self.algorithm = collector, algorithm
        self.num_iterations, self.total_envs = num_iterations, total_envs
        self.minibatch_generator, self.channels_last = minibatch_generator, channels_last
        self.about, self.routes = about, routes
        self.iteration, self._exploring = 0, False
        self.frames_per_iteration = algorithm.num_steps * total_envs
        self.batch: dict[str, Tensor] = {}
        self._steps: list[dict[str, Tensor]] = []
        self._metrics: dict[str, float] = {}
        self._restored: dict[str, Any] | None = None
        require_repeatable(model, self, collector.env.single_observation_space)

    @property
    def env_steps(self) -> int:
        """Environment steps taken so far, over all processes."""
        return self.iteration * self.frames_per_iteration

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `[B, A]` and values `[B]` of observations in the environment's layout."""
        output: tuple[Tensor, Tensor] = self.model(self._images(obs))
        return output

    def _images(self, obs: Tensor) -> Tensor:
        if obs.dim() == 4:
            obs = obs.permute(0, 3, 1, 2)
            if not self.channels_last:
                obs = obs.contiguous()
        return obs

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, which leaves regions alone that got no gradient."""
        rate, eps = self.algorithm.learning_rate(0.0), self.algorithm.adam_eps
        if self.routes is not None:
            return keep_layout(self.routes.optimizer(self.model, lr=rate, eps=eps))
        return keep_layout(torch.optim.Adam(self.model.parameters(), lr=rate, eps=eps, fused=True))

    def on_fit_start(self) -> None:
        """Make the rollout's columns on the device that Lightning chose."""
        obs = self.collector.obs
        self.buffer = RolloutBuffer(
            self.algorithm.num_steps,
            len(obs),
            obs.shape[1:],
            torch.from_numpy(obs).dtype,
            self.device,
            arrivals=self.algorithm.wants_arrivals,
        )

    def train_dataloader(self) -> MinibatchLoader:
        """Minibatches of the current rollout."""
        return MinibatchLoader(
            self.buffer,
            self.algorithm.columns + (self.routes.columns if self.routes else ()),
            num_minibatches=self.algorithm.num_minibatches,
            update_epochs=self.algorithm.update_epochs,
            generator=self.minibatch_generator,
        )

    def on_train_epoch_start(self) -> None:
        """Start an iteration: learning rate, rollout, targets."""
        self.iteration += 1
        self._started = time.perf_counter()
        self._steps, self._metrics = [], {}
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
        """End the iteration's updates when the policy has moved further than `target_kl`."""
        if self._exploring:
            return -1
        limit, done = self.algorithm.target_kl, batch_idx % self.algorithm.num_minibatches == 0
        if limit is None or not done or not self._steps:
            return None
        return -1 if self._mean_over_ranks(self._steps[-1]["approx_kl"]) > limit else None

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """The loss of one minibatch."""
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
        self._steps.append({"loss": loss.detach()} | {k: v.detach() for k, v in logged.items()})
        return loss

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip by the global norm, and refuse to step when the norm or the loss is not finite."""
        limit = self.algorithm.max_grad_norm
        norm = nn.utils.clip_grad_norm_(
            self.model.parameters(), math.inf if limit is None else limit
        )
        step = self._steps[-1]
        if not math.isfinite(norm) or not math.isfinite(step["loss"]):
            culprits = [
                name
                for name, value in step.items()
                if name != "loss" and "/" not in name and not math.isfinite(value)
            ]
            raise NumericsError(
                f"loss or gradient of iteration {self.iteration} is not finite "
                f"(loss {float(step['loss']):g}, gradient norm {float(norm):g}"
                + (f", from {', '.join(culprits)})" if culprits else ")")
            )
        step["grad_norm"] = norm

    def on_fit_end(self) -> None:
        """Say which regions no gradient ever reached."""
        if self.routes is None or rank() != 0:
            return
        for region in self.routes.untouched(self.trainer.optimizers[0]):
            print(
                f"warning: region {region} never got a gradient in this run: no example that "
                "reaches it was learnt from, or the rest of the network does not listen to it",
                file=sys.stderr,
            )

    def metrics(self) -> dict[str, float]:
        """What the finished iteration logs, with CleanRL's names (computed once).

        Collective: every process must call it. Means over minibatches, and over the last
        `EPISODE_WINDOW` episodes of each process.
        """
        if not self._metrics:
            losses = {} if self._exploring else self._loss_metrics()
            own = self._episode_metrics() | losses | self.algorithm.metrics()
            self._metrics = own | self._speed_metrics()
        return self._metrics

    def _episode_metrics(self) -> dict[str, float]:
        episodes = [e for part in gather(list(self.collector.episodes)) for e in part]
        means = np.mean(episodes, axis=0) if episodes else np.full(3, np.nan)
        names = ("episodic_return", "episodic_length", "success")
        return {f"charts/{name}": float(mean) for name, mean in zip(names, means, strict=True)}

    def _loss_metrics(self) -> dict[str, float]:
        names = [name for name in self._steps[0] if name != "loss"]
        means = {
            name if "/" in name else f"losses/{name}": self._mean_over_ranks(
                torch.stack([step[name] for step in self._steps])
            )
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
        """Mean over minibatches and processes of what exists: a route may be empty in some."""
        known = values.float().flatten()
        known = known[~known.isnan()]
        sums = torch.stack([known.sum(), torch.tensor(float(len(known)), device=known.device)])
        total, count = sum_over_ranks(sums).tolist()
        return total / count if count else math.nan

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add everything that Lightning doesn't know of; runs on every process."""
        own = {
            "collector": self.collector.get_state(),
            "minibatches": self.minibatch_generator.get_state(),
            "labels": None if self.routes is None else self.routes.get_state(),
        }
        checkpoint["chisel"] = self.about | {
            "iteration": self.iteration,
            "env_steps": self.env_steps,
            "algorithm": self.algorithm.get_state(),
            "routing": None if self.routes is None else self.routes.to_plain(),
            "ranks": gather(own),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what is restored once Lightning has set everything up."""
        self._restored = checkpoint["chisel"]

    def on_train_start(self) -> None:
        """Restore environments and generators last: setting up a fit draws random numbers."""
        if self._restored is not None:
            self.restore(self._restored, rank())
        self._restored = None

    def restore(self, state: dict[str, Any], rank: int) -> None:
        """Go on from our part of a checkpoint, as the process of that number."""
        own = state["ranks"][rank]
        self.iteration = state["iteration"]
        self.algorithm.set_state(state["algorithm"])
        self.collector.set_state(own["collector"])
        self.minibatch_generator.set_state(own["minibatches"].cpu())
        if self.routes is not None:
            self.routes.set_state(own["labels"])
