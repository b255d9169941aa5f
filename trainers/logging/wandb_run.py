"""Start a Weights & Biases run whose errors never stop training."""

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
"""Seconds to wait for the server's answer; giving up takes a few seconds more."""
FLUSH_SECONDS = 1.0
"""Seconds between writes of the W&B file, whose last rows a kill may lose; metrics.csv has all."""
FINISH_SECONDS = 60.0
"""Seconds that the end of a run waits for uploads."""

SERVICE = "WANDB_SERVICE"
"""Environment variable in which wandb stores the address of its service process."""

Mode = Literal["offline", "online"]


@dataclass(frozen=True)
class ProcessState:
    """The state of the process that wandb changes, as it was before a W&B run."""

    excepthook: Callable[..., Any]
    exit: Callable[..., Any]
    service: str | None

    @classmethod
    def now(cls) -> ProcessState:
        """Return the present state."""
        return cls(sys.excepthook, sys.exit, os.environ.get(SERVICE))

    def restore_hooks(self) -> None:
        """Remove wandb's hooks on errors and exits, because `Tracking` reports how a run ended."""
        if _of_wandb(sys.excepthook):
            sys.excepthook = self.excepthook
        if _of_wandb(sys.exit):
            sys.exit = self.exit

    def restore(self) -> None:
        """Undo all changes: hooks, and the service's process, threads and variable.

        A service that ran before stays, because another run uses it.
        """
        self.restore_hooks()
        if os.environ.get(SERVICE) != self.service:
            wandb.teardown()


class IterationLogger(WandbLogger):
    """Lightning's logger with one W&B row per iteration, whatever the number of calls.

    W&B drops rows whose step decreases, and a run that is resumed offline doesn't know its last
    step. So a row's step is the iteration, which the caller sets before logging.
    """

    iteration = 0
    first_iteration = 0
    """First iteration to log; W&B, or a part on disk, already has rows of earlier iterations."""
    before: ProcessState
    """State of the process before the run."""

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Add metrics to the iteration's row; `step`, a count of optimiser steps, is ignored."""
        if self.iteration >= self.first_iteration:
            self.experiment.log(dict(metrics), step=self.iteration)

    def end(self, exit_code: int) -> None:
        """End the run, and restore the state of the process before it.

        Raises:
            TimeoutError: If not everything could be sent in time.
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
    """Start a W&B run; if the server can't be used, warn once and start it offline.

    Args:
        mode: `online` sends the run to a server, `offline` writes it to disk.
        warn: Called with a line for each failure of W&B.
        run_id: Id of the run; `None` takes that of `WANDB_RUN_ID`, which a sweep sets, or a new
            one.
        first_iteration: First iteration to log, if neither a part of the run on disk nor the server
            says it.
        named: Arguments of `wandb.init` for name, place and config of the run, among them `dir`.

    Returns:
        The logger; `None` if W&B can't write to the disk either.
    """
    before = ProcessState.now()
    try:
        return _start(mode, before, run_id, first_iteration, named)
    except Exception as error:  # wandb raises many types, and none may end a run
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
        whole.run_id = run_id or os.environ.get("WANDB_RUN_ID")  # a sweep ignores init's id
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

    Only an environment variable or this function can do that. The function is not part of wandb's
    public interface, so it may be missing.
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
