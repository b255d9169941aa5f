"""What all LightningModules of this project share: iterations, minibatches, checkpoints.

One Lightning epoch is one iteration. Its end is what a checkpoint holds.
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
    """Counts iterations, refuses numbers that are not finite, and saves and restores everything.

    A subclass sets `model`, and calls `record` for every minibatch.

    Args:
        num_iterations: Planned iterations.
        frames_per_iteration: Environment steps, or examples, of an iteration over all processes.
        minibatch_generator: Generator of the minibatch permutations.
        about: What identifies the run (config, spaces, versions); stored in every checkpoint.
    """

    model: Any
    """The network. Lightning's type stubs would take it for any module."""
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
        """Environment steps taken, or examples seen, so far over all processes."""
        return self.iteration * self.frames_per_iteration

    def on_train_epoch_start(self) -> None:
        """Start an iteration."""
        self.iteration += 1
        self._started = time.perf_counter()
        self._steps, self._metrics = [], {}

    def record(self, loss: Tensor, logged: dict[str, Tensor]) -> None:
        """Keep a minibatch's loss, and what is logged of it, until the iteration is logged."""
        self._steps.append({"loss": loss.detach()} | {k: v.detach() for k, v in logged.items()})

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip by the global norm, and refuse to step when the norm or the loss is not finite.

        Raises:
            NumericsError: One of them is not; the message names the terms of the loss that aren't.
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
        """Return what the finished iteration logs; it is computed once.

        Collective: every process must call it.
        """
        if not self._metrics:
            self._metrics = self.compute_metrics()
        return self._metrics

    @abstractmethod
    def compute_metrics(self) -> dict[str, float]:
        """Compute what the finished iteration logs."""

    @abstractmethod
    def get_state(self) -> dict[str, Any]:
        """Return what a checkpoint holds beside weights, optimiser and counts.

        It is called on every process. `ranks` lists, for each process, a dict with at least the
        state of its `minibatches` generator.
        """

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add everything that Lightning doesn't know of; runs on every process."""
        counts = {"iteration": self.iteration, "env_steps": self.env_steps}
        checkpoint["chisel"] = self.about | counts | self.get_state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what is restored once Lightning has set everything up."""
        self._restored = checkpoint["chisel"]

    def on_train_start(self) -> None:
        """Restore last: setting up a fit draws random numbers."""
        if self._restored is not None:
            self.restore(self._restored, rank())
        self._restored = None

    def restore(self, state: dict[str, Any], rank: int) -> None:
        """Go on from our part of a checkpoint, as the process of that number."""
        self.iteration = state["iteration"]
        self.minibatch_generator.set_state(state["ranks"][rank]["minibatches"].cpu())


class MinibatchLoader:
    """Shuffled minibatches of examples, in one or several passes.

    It has a length, because Lightning prefetches from loaders without one, and would start the next
    iteration before the last step of this one. It draws from its own generator, which is saved. The
    last minibatch of a pass takes what is left, so that every example is seen once in each pass.

    Args:
        columns: Returns tensors `[N, …]`, of which a minibatch holds the same rows; called at the
            start of every iteration.
        num_examples: N.
        batch_size: Rows of a minibatch, at most N.
        epochs: Passes per iteration.
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
