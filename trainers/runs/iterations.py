"""The base of all LightningModules of this project: iterations, minibatches, checkpoints.

One Lightning epoch is one iteration. A checkpoint holds the state at the end of an iteration.
"""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from chisel.configs import NumericsError
from chisel.trainers.runs.distributed import rank


class IterationModule(L.LightningModule):
    """Counts iterations, refuses numbers that are not finite, and saves and restores all state.

    A subclass sets `model`, and calls `record` for every minibatch.

    Args:
        num_iterations: Planned iterations.
        frames_per_iteration: Environment steps, or examples, of an iteration, of all processes.
        minibatch_generator: Generator of the minibatch permutations.
        about: Facts that identify the run (config, spaces, versions), stored in every checkpoint.
    """

    model: Any
    """The network; without this annotation Lightning's stubs would type it as any module."""
    max_grad_norm: float | None = None
    """Maximal global norm of the gradient; `None` clips nothing."""

    def __init__(
        self,
        *,
        num_iterations: int,
        frames_per_iteration: int,
        minibatch_generator: torch.Generator,
        about: dict[str, Any],
    ) -> None:
        super().__init__()
        self.num_iterations, self.frames_per_iteration = num_iterations, frames_per_iteration
        self.minibatch_generator, self.about = minibatch_generator, about
        self.iteration = 0
        self.batch: dict[str, Tensor] = {}
        self._steps: list[dict[str, Tensor]] = []
        self._metrics: dict[str, float] = {}
        self._restored: dict[str, Any] | None = None

    @property
    def env_steps(self) -> int:
        """Environment steps taken, or examples seen, so far, by all processes."""
        return self.iteration * self.frames_per_iteration

    def on_train_epoch_start(self) -> None:
        """Start an iteration."""
        self.iteration += 1
        self._started = time.perf_counter()
        self._steps, self._metrics = [], {}

    def record(self, loss: Tensor, logged: dict[str, Tensor]) -> None:
        """Keep a minibatch's loss and metrics until the iteration is logged."""
        self._steps.append({"loss": loss.detach()} | {k: v.detach() for k, v in logged.items()})

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradient by its global norm; refuse a norm or a loss that is not finite.

        Raises:
            NumericsError: If one is not finite; the message names the terms of the loss that are
                not.
        """
        limit = math.inf if self.max_grad_norm is None else self.max_grad_norm
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), limit)
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

    def metrics(self) -> dict[str, float]:
        """Return the metrics of the finished iteration, which are computed once.

        Every process must call this, because it communicates.
        """
        if not self._metrics:
            self._metrics = self.compute_metrics()
        return self._metrics

    @abstractmethod
    def compute_metrics(self) -> dict[str, float]:
        """Compute the metrics of the finished iteration."""

    @abstractmethod
    def get_state(self) -> dict[str, Any]:
        """Return the state that a checkpoint holds besides weights, optimiser and counts.

        It is called on every process. The key `ranks` lists, for each process, a dict with at least
        the state of its `minibatches` generator.
        """

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the part `chisel` to a checkpoint, which Lightning doesn't know; on every process."""
        counts = {"iteration": self.iteration, "env_steps": self.env_steps}
        checkpoint["chisel"] = self.about | counts | self.get_state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the part `chisel` of a checkpoint, to restore it when everything is set up."""
        self._restored = checkpoint["chisel"]

    def on_train_start(self) -> None:
        """Restore the state at the end of the setup, because the setup draws random numbers."""
        if self._restored is not None:
            self.restore(self._restored, rank())
        self._restored = None

    def restore(self, state: dict[str, Any], rank: int) -> None:
        """Go on from the `chisel` part of a checkpoint, as process `rank`."""
        self.iteration = state["iteration"]
        self.minibatch_generator.set_state(state["ranks"][rank]["minibatches"].cpu())


class MinibatchLoader:
    """Shuffled minibatches of examples, in one or several passes.

    It has a length, because Lightning prefetches from loaders without one, and would start the next
    iteration before the last step of this one. It draws from a generator that is saved. The last
    minibatch of a pass may be smaller, so that every example is seen once in each pass.

    Args:
        columns: Function that returns tensors `[N, …]`, from which a minibatch takes the same rows;
            called at the start of every iteration.
        num_examples: Number of examples, N.
        batch_size: Number of rows of a minibatch, at most N.
        epochs: Number of passes per iteration.
        generator: Generator of the permutations, on any device.
    """

    def __init__(
        self,
        columns: Callable[[], Mapping[str, Tensor]],
        *,
        num_examples: int,
        batch_size: int,
        epochs: int = 1,
        generator: torch.Generator,
    ) -> None:
        self.columns, self.num_examples, self.batch_size = columns, num_examples, batch_size
        self.epochs, self.generator = epochs, generator

    def __len__(self) -> int:
        return -(-self.num_examples // self.batch_size) * self.epochs

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        columns = self.columns()
        device = next(iter(columns.values())).device
        for _ in range(self.epochs):
            order = torch.randperm(
                self.num_examples, generator=self.generator, device=self.generator.device
            ).to(device)
            for start in range(0, self.num_examples, self.batch_size):
                rows = order[start : start + self.batch_size]
                yield {name: column[rows] for name, column in columns.items()}
