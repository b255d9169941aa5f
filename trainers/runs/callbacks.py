"""Callbacks of every run: log metrics, stop in time, save the batch of a numerical error."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback

from chisel.configs import NumericsError


class LogIteration(Callback):
    """Writes an iteration's metrics to the run's logs.

    Args:
        write: Function of metrics, iteration and environment steps; `None` on all processes but the
            first, because they only take part in computing the metrics.
        begin: Called once, after everything is set up and restored, before anything is trained.
    """

    def __init__(
        self,
        write: Callable[[dict[str, float], int, int], None] | None,
        begin: Callable[[], None] | None = None,
    ) -> None:
        self.write, self.begin = write, begin

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Call `begin` before the first iteration."""
        if self.begin is not None:
            self.begin()
        self.begin = None

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Log the finished iteration."""
        metrics = pl_module.metrics()
        if self.write is not None:
            self.write(metrics, pl_module.iteration, pl_module.env_steps)


STOPPING = tuple(
    getattr(signal, name)
    for name in ("SIGTERM", "SIGUSR1", "SIGUSR2", "SIGINT")
    if hasattr(signal, name)  # Windows lacks two of them
)
"""Signals that end training after the current iteration."""


class StopAtBoundary(Callback):
    """Ends training after the current iteration on SIGTERM, SIGUSR1 or 2, Ctrl-C or a time limit.

    A checkpoint is saved then, so nothing is lost. A second Ctrl-C ends at once. Make this before
    the trainer, which sets its own handlers, and call `release` when training is over.

    Args:
        max_minutes: Time limit in minutes; `None` sets no limit.
    """

    def __init__(self, max_minutes: float | None) -> None:
        self.max_minutes = max_minutes
        self.signal: signal.Signals | None = None
        self._before = {number: signal.getsignal(number) for number in STOPPING}

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Handle the signals, after Lightning has registered its own handlers."""
        self._started = time.monotonic()
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread may handle signals
        for number in STOPPING:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is signal.SIGINT and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number)
        again = "; Ctrl-C again ends at once" if number == signal.SIGINT else ""
        print(f"{self.signal.name}: saving at the end of this iteration{again}", file=sys.stderr)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Stop if any process wants to stop."""
        minutes = (time.monotonic() - self._started) / 60
        expired = self.max_minutes is not None and minutes >= self.max_minutes
        stop = self.signal is not None or expired
        if trainer.strategy.reduce_boolean_decision(stop, all=False):
            trainer.should_stop = True

    def release(self) -> None:
        """Restore the former handlers; Lightning would leave its own, which ignore SIGTERM."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._before.items():
                signal.signal(number, handler)


class SaveCrash(Callback):
    """Saves the batch that led to numbers that are not finite.

    Args:
        folder: Folder for the file `iter-<iteration>-rank<rank>.pt`, which has the last minibatch,
            the rollout's columns and the weights. All processes use the first one's folder, because
            only the first process knows the run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def setup(self, trainer: L.Trainer, pl_module: Any, stage: str) -> None:
        """Receive the folder from the first process."""
        self.folder = Path(trainer.strategy.broadcast(str(self.folder)))

    def on_exception(self, trainer: L.Trainer, pl_module: Any, exception: BaseException) -> None:
        """Write the file and name it in the error."""
        if not isinstance(exception, NumericsError):
            return
        buffer = getattr(pl_module, "buffer", None)  # a run on a data set has none
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"iter-{pl_module.iteration:08d}-rank{trainer.global_rank}.pt"
        bundle = {
            "error": str(exception),
            "iteration": pl_module.iteration,
            "batch": pl_module.batch,
            "rollout": None if buffer is None else buffer.columns,
            "weights": pl_module.model.state_dict(),
        }
        torch.save(bundle, path)
        exception.args = (f"{exception}; batch saved in {path}",)
