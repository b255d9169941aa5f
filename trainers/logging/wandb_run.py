"""Starting a Weights & Biases run whose faults never stop training."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import wandb
from lightning.pytorch.loggers import WandbLogger

from chisel.trainers.logging.wandb_parts import mend, sync_command

INIT_SECONDS = 12.0
"""How long to wait for a server's answer; giving up takes a few seconds more."""
FLUSH_SECONDS = 1.0
"""Seconds of a run that its W&B file may lack after a kill; metrics.csv lacks nothing."""
FINISH_SECONDS = 60.0
"""How long a run's end waits for uploads."""

SERVICE = "WANDB_SERVICE"
"""Variable in which wandb notes the address of the process that it sends rows to."""

Mode = Literal["offline", "online"]


@dataclass(frozen=True)
class ProcessState:
    """What wandb changes in a process that trains, as it was before a W&B run."""

    excepthook: Callable[..., Any]
    exit: Callable[..., Any]
    service: str | None

    @classmethod
    def now(cls) -> ProcessState:
        """Take note of it as it is now."""
        return cls(sys.excepthook, sys.exit, os.environ.get(SERVICE))

    def restore_hooks(self) -> None:
        """Take out wandb's hooks on errors and exits: `Tracking` says how a run ended."""
        if _of_wandb(sys.excepthook):
            sys.excepthook = self.excepthook
        if _of_wandb(sys.exit):
            sys.exit = self.exit

    def restore(self) -> None:
        """Undo all changes: hooks, and the service's process, threads and variable.

        A service that ran before stays: another run uses it.
        """
        self.restore_hooks()
        if os.environ.get(SERVICE) != self.service:
            wandb.teardown()


class IterationLogger(WandbLogger):
    """Lightning's logger with one W&B row per iteration, however often it is called.

    W&B drops rows whose step decreases, and a run that is resumed offline doesn't know its last
    step. Steps are therefore iterations, which the caller sets before logging.
    """

    iteration = 0
    first_iteration = 0
    """Rows of earlier iterations are not logged again: W&B has them, or a part on disk does."""
    before: ProcessState
    """State of the process before the run."""

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Add to the iteration's row; `step` counts optimiser steps and is of no use here."""
        if self.iteration >= self.first_iteration:
            self.experiment.log(dict(metrics), step=self.iteration)

    def end(self, exit_code: int) -> None:
        """End the run, and leave the process as it was before it.

        Raises:
            TimeoutError: Not everything could be sent.
        """
        try:
            self.experiment.finish(exit_code=exit_code)
        except TimeoutError:
            parts = Path(self.experiment.dir).parents[1] / f"*run-*-{self.experiment.id}"
            raise TimeoutError(
                f"not everything was sent within {FINISH_SECONDS:.0f} s; to send all of it as a "
                f"new run, type `wandb sync --include-online --id NEW-ID {_quoted(parts)}`"
            ) from None
        finally:
            self.before.restore()


def start_wandb(
    mode: Mode,
    warn: Callable[[str], None],
    *,
    run_id: str | None,
    first_iteration: int,
    **named: Any,
) -> IterationLogger | None:
    """Start a W&B run; offline, with one warning, if a server is asked for but can't be used.

    Args:
        mode: Whether to send the run to a server.
        warn: Called with one line on what W&B could not do.
        run_id: Id of the run; `None` takes that of `WANDB_RUN_ID`, which a sweep sets, or a new
            one.
        first_iteration: First iteration that W&B lacks, if neither a part of the run on disk nor
            the server says so.
        named: Name, place and config of the run, as `wandb.init` takes them; `dir` is one of them.

    Returns:
        The logger; `None` if W&B can't even write to the disk.
    """
    before = ProcessState.now()
    try:
        return _start(mode, before, run_id, first_iteration, named)
    except Exception as error:  # wandb raises many kinds, and none of them may end a run
        reason = _first_line(error)
    if mode == "online":
        later = sync_command(Path(named["dir"]), unsent=False)
        warn(f"W&B: {reason}. Going on offline; upload later with `{later}`")
        # The failed attempt holds the run's id until the service is gone.
        wandb.teardown()
        try:
            return _start("offline", before, run_id, first_iteration, named)
        except Exception as error:
            reason = _first_line(error)
    before.restore()
    warn(f"W&B: {reason}. Going on without it; metrics.csv has everything")
    return None


def _start(
    mode: Mode,
    before: ProcessState,
    run_id: str | None,
    first_iteration: int,
    named: Mapping[str, Any],
) -> IterationLogger:
    _no_telemetry()
    on_disk = None if run_id is None else mend(Path(named["dir"]), run_id)
    # Process-wide: what is set for one run alone still lets wandb report home when offline.
    whole = wandb.Settings(mode=mode, silent=True)
    if "WANDB_SWEEP_ID" in os.environ:
        whole.run_id = run_id or os.environ.get("WANDB_RUN_ID")  # it heeds no other there
    wandb.setup(whole)
    if mode == "online" and not wandb.login(prompt=False, verify=False):
        raise wandb.errors.UsageError("no API key is known (see `wandb login`)")
    run = wandb.init(
        **named,
        id=run_id,
        resume="allow",
        allow_val_change=True,
        # A run that the user has open goes on; wandb would end it.
        reinit="default" if wandb.run is None else "create_new",
        settings=wandb.Settings(
            mode=mode,
            silent=True,
            quiet=True,
            console="off",
            init_timeout=INIT_SECONDS,
            finish_timeout=FINISH_SECONDS,
            finish_timeout_raises=True,
            save_code=False,
            x_transaction_log_flush_interval=FLUSH_SECONDS,
        ),
    )
    run.define_metric("env_steps")
    run.define_metric("*", step_metric="env_steps", step_sync=True)
    before.restore_hooks()
    logger = IterationLogger(experiment=run)
    logger.before = before
    if mode == "online":
        logger.first_iteration = run.step
    else:
        logger.first_iteration = first_iteration if on_disk is None else on_disk + 1
    return logger


def _no_telemetry() -> None:
    """Switch off wandb's reports about itself, which delay the end of the process by 20 s.

    Only an environment variable or this function do so. It is not part of wandb's public interface,
    so its absence is no fault.
    """
    try:
        import_module("wandb.analytics.opentelemetry.opentelemetry_proxy").disable()
    except (ImportError, AttributeError):
        return


def _quoted(pattern: Path) -> str:
    """Quote the folder of a pattern for a shell, but not the pattern."""
    return f"{shlex.quote(str(pattern.parent))}/{pattern.name}"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def _of_wandb(function: Any) -> bool:
    return str(getattr(function, "__module__", "")).startswith("wandb.")
