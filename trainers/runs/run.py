"""Train a run in its folder (`train`), or go on with one that was stopped (`resume`)."""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning as L
import torch

from chisel import configs, models
from chisel.analysis.results import choose_threads, torch_threads
from chisel.configs import ConfigError, RunConfig, Stopped
from chisel.trainers.logging.media import media_callbacks
from chisel.trainers.logging.progress import TrainingProgress
from chisel.trainers.logging.tracking import Tracking, make_loggers
from chisel.trainers.logging.training_studies import TrainingStudies
from chisel.trainers.logging.wandb_environment import check_mode
from chisel.trainers.runs import launching, resuming, rundir
from chisel.trainers.runs.assembly import build_module, device_of
from chisel.trainers.runs.callbacks import LogIteration, SaveCrash, StopAtBoundary
from chisel.trainers.runs.checkpoint import DurableCheckpointIO, IterationCheckpoint
from chisel.trainers.runs.launching import Process

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""Parameters of `mallopt`, numbered as in glibc's malloc.h."""


def _nothing(*_: object) -> None:
    """Do nothing, in place of the warnings that only the first process prints."""


@dataclass(frozen=True)
class _Job:
    """A run that is trained or resumed by this process."""

    config: RunConfig
    folder: Path
    process: Process
    resumes: bool = False
    """Whether to go on from the folder's newest checkpoint."""

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.process.rank == 0


def train(config: RunConfig) -> Path:
    """Train one agent from scratch, or from the weights in `init_from`.

    Returns:
        The run's folder.

    Raises:
        ConfigError: If the run's name is taken, or options don't fit together.
        NumericsError: If a number is not finite; the batch is saved in the folder.
        Stopped: If a signal ended training; the run can be resumed.
        KeyboardInterrupt: If Ctrl-C was pressed twice; the message says how to go on from the last
            checkpoint.
    """
    with launching.process_of(config.trainer) as process:
        if process.rank != 0:
            return _execute(_Job(config, Path(config.runs_dir), process))
        config, folder = rundir.create(config)
        return train_in(folder, with_threads(config))


def with_threads(config: RunConfig, threads: int | None = None) -> RunConfig:
    """Fill in `trainer.threads` if it is null, so that a resume uses the same number.

    It stays null in a run with several processes, because Lightning divides the cores among them.

    Args:
        config: The run's config.
        threads: The number; `None` lets `choose_threads` choose.
    """
    options = config.trainer
    if options.threads is not None or options.processes > 1:
        return config
    return replace(config, trainer=replace(options, threads=threads or choose_threads()))


def train_in(folder: Path, config: RunConfig) -> Path:
    """Train one agent from scratch in a given folder, on the first process.

    Args:
        folder: The run's folder; it is removed again if nothing could be trained.
        config: The run's config.

    Returns:
        The folder.

    Raises:
        ConfigError: If options don't fit together.
        NumericsError: As for `train`.
        Stopped: As for `train`.
        KeyboardInterrupt: As for `train`.
    """
    with launching.process_of(config.trainer) as process:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            rundir.write_config(folder, config)
            return _execute(_Job(config, folder, process))
        finally:
            rundir.discard_unused(folder, config.runs_dir)


def resume(run: str | Path, overrides: Sequence[str] = ()) -> Path:
    """Go on with a run exactly where its newest valid checkpoint was saved.

    Everything is checked before a file changes: a resume that fails or has nothing to do leaves the
    folder as it is.

    Args:
        run: The run's folder.
        overrides: Settings of `frames` (to train further than planned), `trainer.*` and
            `tracking.*`, as `key=value`.

    Returns:
        The folder.

    Raises:
        CheckpointError: If there is no run, or none of its checkpoints is valid or fits.
        ConfigError: If an override would change what is trained, config.yaml was edited, or
            `frames` is less than the frames already trained.
    """
    folder = Path(run)
    return resume_as(folder, configs.override(rundir.read_config(folder), overrides))


def resume_as(folder: Path, config: RunConfig) -> Path:
    """Go on with a run under a config that may differ in the options that `resume` may override.

    Args:
        folder: The run's folder.
        config: Its config from now on.

    Raises:
        CheckpointError: As for `resume`.
        ConfigError: As for `resume`.
    """
    resuming.check_overrides(rundir.read_config(folder), config, folder)
    with launching.process_of(config.trainer) as process:
        return _execute(_Job(config, folder, process, resumes=True))


def check_resume(folder: Path, config: RunConfig) -> bool:
    """Check a resume, as far as possible without building anything.

    Returns:
        Whether there is anything left to train.

    Raises:
        CheckpointError: As for `resume`.
        ConfigError: As for `resume`.
    """
    resuming.check_overrides(rundir.read_config(folder), config, folder)
    _, payload = _read_newest(folder, config, _nothing)
    if payload is None:
        return True
    done, iteration = payload["chisel"]["env_steps"], payload["chisel"]["iteration"]
    # If an iteration is not of constant size, as another package's may be, training finds out.
    return bool(done % iteration or max(1, config.frames // (done // iteration)) > iteration)


def _read_newest(
    folder: Path, config: RunConfig, warn: Callable[[str], None]
) -> tuple[Path | None, dict[str, Any] | None]:
    """Read and check the newest valid checkpoint; return twice None if the run never saved one."""
    old = rundir.read_config(folder)
    if rundir.never_saved(folder, old.trainer.checkpoint_every):
        return None, None
    newest = models.latest_valid(folder / models.CHECKPOINTS, warn)
    payload = resuming.read(newest, old, config.trainer.processes)
    done = payload["chisel"]["env_steps"]
    if config.frames != old.frames and config.frames < done:
        raise ConfigError(
            f"frames = {config.frames}: {folder} has done {done:,} already; ask for more, or leave "
            "frames= out"
        )
    return newest, payload


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)


def _keep_freed_memory() -> None:
    """Let this process keep the memory of freed tensors for new ones.

    By default glibc returns large blocks to the system, and gets them back in every minibatch,
    which took a tenth of the CPU time of `safelife/impact-ppo`. Settings of the user (`MALLOC_…`)
    and other C libraries are left alone.
    """
    if platform.libc_ver()[0] != "glibc" or any(one.startswith("MALLOC_") for one in os.environ):
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_MAX, 0)
    libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def _execute(job: _Job) -> Path:
    """Check, build and train; a resumed run's folder changes only when an iteration starts."""
    config = job.config
    _keep_freed_memory()
    locked = rundir.lock(job.folder) if job.first else nullcontext()
    threads = config.trainer.threads or torch.get_num_threads()
    with locked, _quiet_lightning(), torch_threads(threads):
        check_mode(config.tracking.mode)
        device = device_of(config, job.process.local_rank)
        newest, payload = _checkpoint(job) if job.resumes else (None, None)
        state = None if payload is None else payload["chisel"]
        warn = _warn if job.first else _nothing
        module = build_module(config, job.process.rank, device, state, warn)
        try:
            if newest is not None and payload is not None:
                resuming.rehearse(module, payload, newest, job.process.rank)
            if state is not None and state["iteration"] >= module.num_iterations:
                if job.first:
                    print(
                        f"{job.folder} has all its {config.frames:,} frames; for more, add frames=…"
                    )
                return job.folder
            _say_frames(job, module)
            return _fit(job, module, newest, state)
        finally:
            if config.env is not None:
                module.collector.env.close()


def _checkpoint(job: _Job) -> tuple[Path | None, dict[str, Any] | None]:
    """Read the newest checkpoint; print notes on going on from it."""
    newest, payload = _read_newest(job.folder, job.config, _warn)
    if payload is None:
        _warn(f"{job.folder} was ended before its first checkpoint: starting at its first frame")
    elif job.first:
        old = rundir.read_config(job.folder)
        if otherwise := resuming.planned_otherwise(old, payload["chisel"]):
            _note(otherwise)
    return newest, payload


def _say_frames(job: _Job, module: Any) -> None:
    """Print how many frames are trained, if that is not the planned number."""
    frames = job.config.frames
    note = configs.rounded_frames(frames, getattr(module, "frames_per_iteration", frames))
    if note and job.first:
        _note(note)


def _fit(job: _Job, module: Any, checkpoint: Path | None, state: Any) -> Path:
    config = job.config
    stop, crash = StopAtBoundary(config.trainer.max_minutes), SaveCrash(job.folder / "crash")
    saved = state or {}
    tracking = None
    if job.first:
        tracking = make_loggers(
            config,
            job.folder,
            wandb_run_id=saved.get("wandb_run_id"),
            last_iteration=saved.get("iteration", 0),
            warn=_warn,
        )
    try:
        if tracking:
            module.about["wandb_run_id"] = tracking.run_id
        callbacks = [stop, crash, *_callbacks(job, tracking)]
        trainer = _trainer(job, module, callbacks, tracking)
        trainer.fit(module, ckpt_path=checkpoint)
    except SystemExit as error:  # Lightning's answer to Ctrl-C
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt(_where_it_ended(crash.folder.parent)) from None
        raise
    except BaseException as error:
        if tracking:
            tracking.failed(error)
        raise
    finally:
        stop.release()
        if tracking:
            tracking.finish()
    folder = crash.folder.parent  # all processes know it by now
    if stop.signal is not None:
        raise Stopped(
            f"stopped by {stop.signal.name}; go on with `{rundir.resume_command(folder)}`"
        )
    if module.iteration < module.num_iterations and job.first:
        print(
            f"trainer.max_minutes is over after {module.env_steps:,} of {config.frames:,} frames; "
            f"go on with `{rundir.resume_command(folder)}`"
        )
    return folder


def _where_it_ended(folder: Path) -> str:
    if rundir.group_of(folder) or any((folder / models.CHECKPOINTS).glob("*.ckpt")):
        return f"go on from the last checkpoint with `{rundir.resume_command(folder)}`"
    return "there was no checkpoint yet"


def _callbacks(job: _Job, tracking: Tracking | None) -> list[Any]:
    """Make the callbacks of a run; processes other than the first have those for all processes."""
    config, folder, options = job.config, job.folder, job.config.trainer
    saver = IterationCheckpoint(
        folder / models.CHECKPOINTS,
        every=options.checkpoint_every,
        keep_last=options.keep_last,
        keep_every=options.keep_every,
        on_saved=tracking.checkpoint_saved if tracking else None,
    )
    if tracking is None:
        return [LogIteration(None), saver]

    def begin() -> None:
        rundir.write_config(folder, config)
        tracking.begin()

    watching = media_callbacks(config, tracking)
    if config.tracking.studies:
        watching.append(TrainingStudies(config, folder, tracking))
    shown = [TrainingProgress(config)] if options.progress else []
    return [LogIteration(tracking.log, begin), saver, *watching, *shown]


def _trainer(job: _Job, module: Any, callbacks: list[Any], tracking: Tracking | None) -> L.Trainer:
    config = job.config
    several = config.trainer.processes > 1
    return L.Trainer(
        accelerator="cpu" if device_of(config).type == "cpu" else "gpu",
        devices=config.trainer.devices,
        num_nodes=config.trainer.num_nodes,
        strategy="ddp" if several else "auto",
        precision=config.trainer.precision,
        max_epochs=module.num_iterations,
        callbacks=callbacks,
        plugins=[DurableCheckpointIO(), job.process.environment],
        default_root_dir=job.folder,
        logger=(tracking.loggers if tracking else []) or False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Hide Lightning's notices about hardware, workers and loggers, which don't apply here."""
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning.*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
