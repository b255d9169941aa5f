"""From a config to a finished run folder: `train`, and `resume` for what stopped early."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.rank_zero import rank_zero_only

import configs
import envs
import models
from configs import CheckpointError, ConfigError, RunConfig, Stopped
from trainers import rundir, seeding
from trainers.callbacks import LogIteration, SaveCrash, StopAtBoundary
from trainers.checkpoint import DurableCheckpointIO, IterationCheckpoint
from trainers.media import media_callbacks
from trainers.progress import TrainingProgress
from trainers.tracking import Tracking, make_loggers
from trainers.versions import git_commit, versions
from trainers.watching import study_callbacks

RESUMABLE = ("frames", "trainer", "tracking")
"""Parts of a config that may change when a run goes on."""


def train(config: RunConfig) -> Path:
    """Train one agent from scratch, or from the weights in `init_from`.

    Returns:
        The run's folder.

    Raises:
        ConfigError: the run's name is taken, or options don't fit together.
        NumericsError: a number went bad; the batch is saved in the folder.
        Stopped: ended by a signal, resumable.
    """
    if _rank() != 0:
        return _execute(config, Path(config.runs_dir), None)
    config, folder = rundir.claim(config)
    try:
        return _execute(config, folder, None)
    finally:
        rundir.discard_unused(folder)


def train_in(folder: Path, config: RunConfig) -> Path:
    """Train one agent from scratch in a folder that the caller has chosen."""
    if _rank() == 0:
        folder.mkdir(parents=True, exist_ok=True)
    return _execute(config, folder, None)


def resume(run: str | Path, overrides: Sequence[str] = ()) -> Path:
    """Go on with a run exactly where its newest valid checkpoint was saved.

    Args:
        run: the run's folder.
        overrides: `frames=` to go further than planned, `trainer.*` and `tracking.*`. Training
            that was finished is not repeated.

    Raises:
        CheckpointError: no run, or none of its checkpoints is valid.
        ConfigError: an override would change what is being trained.
    """
    folder = Path(run)
    old = rundir.read_config(folder)
    config = configs.override(old, overrides)
    _check_resumable(old, config, folder)
    if rundir.never_saved(folder, old.trainer.checkpoint_every):
        _warn(f"{folder} was ended before its first checkpoint: starting at its first frame")
        return _execute(config, folder, None)
    newest = models.latest_valid(folder / models.CHECKPOINTS, _warn)
    return _execute(config, folder, newest)


def _check_resumable(old: RunConfig, new: RunConfig, folder: Path) -> None:
    before, after = configs.to_plain(old), configs.to_plain(new)
    changed = [key for key in before if before[key] != after[key] and key not in RESUMABLE]
    if changed:
        raise ConfigError(
            f"{changed[0]}: a resumed run keeps it; to train on under another one, start a new run "
            f"with `chisel train {old.experiment} init_from={folder} {changed[0]}=…`"
        )


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)


def _rank() -> int:
    """Rank of this process as launchers announce it, before any process group exists."""
    return int(getattr(rank_zero_only, "rank", 0) or 0)


def _execute(config: RunConfig, folder: Path, checkpoint: Path | None) -> Path:
    rank = _rank()
    with rundir.lock(folder) if rank == 0 else nullcontext(), _quiet_lightning():
        if rank == 0:
            rundir.write_config(folder, config)
        if config.trainer.threads is not None:
            torch.set_num_threads(config.trainer.threads)
        payload = None if checkpoint is None else models.read_checkpoint(checkpoint)["chisel"]
        module = _build(config, rank, payload)
        try:
            if payload is None or payload["iteration"] < module.num_iterations:
                _fit(config, folder, module, checkpoint, payload)
            elif rank == 0:
                print(f"{folder} has all its {config.frames:,} frames; for more, add frames=…")
        finally:
            if config.env is not None:
                module.collector.env.close()
    return folder


def _build(config: RunConfig, rank: int, payload: dict[str, Any] | None) -> Any:
    """Environment or data set, network and algorithm of this process."""
    world = config.trainer.devices * config.trainer.num_nodes
    if payload is not None and len(payload["ranks"]) != world:
        raise CheckpointError(
            f"the checkpoint was saved by {len(payload['ranks'])} processes and can't go on with "
            f"{world}; resume with as many, or start a new run with init_from="
        )
    about = {
        "format": models.FORMAT,
        "config": configs.to_plain(config),
        "versions": versions(),
        "git": git_commit(),
        "wandb_run_id": None,
        "routing": None if payload is None else payload.get("routing"),
        "ancestors": () if payload is None else models.ancestors_of(payload, config),
    }
    if config.data is not None:
        learn = configs.registry.resolve("algo", config.algo.name)
        module = learn(config, about=about, fresh=payload is None)
    else:
        module = _build_player(config, rank, payload, about)
    if config.trainer.compile:
        module.model.compile()  # after routes are attached to it
    return module


def _build_player(
    config: RunConfig, rank: int, payload: dict[str, Any] | None, about: dict[str, Any]
) -> Any:
    world = config.trainer.devices * config.trainer.num_nodes
    env = envs.make(
        config.env,
        seed=seeding.derive(config, "env", rank),
        num_envs=config.env.num_envs // world,
    )
    spaces = models.spaces_of(env)
    model = models.build(config.model, spaces, seed=seeding.derive(config, "init"))
    if config.init_from is not None and payload is None:
        agent = models.load_agent(config.init_from)
        found, wanted = agent.spaces.to_plain(), spaces.to_plain()
        models.require_match(config.init_from, found, wanted, "environment")
        models.load_weights(model, agent.model.state_dict(), config.init_from)
        about = about | {"ancestors": agent.trained_on}
    if config.trainer.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch stubs
    build = configs.registry.resolve("algo", config.algo.name)
    about = about | {"spaces": spaces.to_plain()}
    return build(config, env, model, rank=rank, device=_device(config), about=about)


def _device(config: RunConfig) -> torch.device:
    """Where this process trains; known before Lightning sets it, because generators need it."""
    cuda = torch.cuda.is_available()
    if config.trainer.accelerator == "gpu" and not cuda:
        raise ConfigError("trainer.accelerator: gpu was asked for, but torch sees none; use cpu")
    if config.trainer.accelerator == "cpu" or not cuda:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def _fit(
    config: RunConfig, folder: Path, module: Any, checkpoint: Path | None, payload: Any
) -> None:
    stop = StopAtBoundary(config.trainer.max_minutes)
    tracking = _open_logs(config, folder, payload) if _rank() == 0 else None
    try:
        if tracking:
            module.about["wandb_run_id"] = tracking.run_id
        trainer = _trainer(config, module, [stop, *_callbacks(config, folder, tracking)], tracking)
        trainer.fit(module, ckpt_path=checkpoint)
    except BaseException as error:
        if tracking:
            tracking.failed(error)
        raise
    finally:
        stop.release()
        if tracking:
            tracking.finish()
    if stop.signal is not None:
        raise Stopped(f"stopped by {stop.signal.name}; go on with `chisel resume {folder}`")
    if module.iteration < module.num_iterations and _rank() == 0:
        print(
            f"trainer.max_minutes is over after {module.env_steps:,} of {config.frames:,} frames; "
            f"go on with `chisel resume {folder}`"
        )


def _open_logs(config: RunConfig, folder: Path, payload: dict[str, Any] | None) -> Tracking:
    return make_loggers(
        config,
        folder,
        wandb_run_id=None if payload is None else payload["wandb_run_id"],
        last_iteration=0 if payload is None else payload["iteration"],
        warn=_warn,
    )


def _callbacks(config: RunConfig, folder: Path, tracking: Tracking | None) -> list[Any]:
    """What watches a run; on the other processes only what all must take part in."""
    options = config.trainer
    saver = IterationCheckpoint(
        folder / models.CHECKPOINTS,
        every=options.checkpoint_every,
        keep_last=options.keep_last,
        keep_every=options.keep_every,
        on_saved=tracking.checkpoint_saved if tracking else None,
    )
    watching: list[Any] = [SaveCrash(folder / "crash"), saver]
    if tracking is None:
        return [LogIteration(None), *watching]
    shown = [TrainingProgress(config)] if options.progress else []
    watching += media_callbacks(config, tracking) + study_callbacks(config, folder, tracking)
    return [LogIteration(tracking.log), *watching, *shown]


def _trainer(
    config: RunConfig, module: Any, callbacks: list[Any], tracking: Tracking | None
) -> L.Trainer:
    several = config.trainer.devices * config.trainer.num_nodes > 1
    return L.Trainer(
        accelerator="cpu" if _device(config).type == "cpu" else "gpu",
        devices=config.trainer.devices,
        num_nodes=config.trainer.num_nodes,
        strategy="ddp" if several else "auto",
        precision=config.trainer.precision,
        max_epochs=module.num_iterations,
        callbacks=callbacks,
        plugins=[DurableCheckpointIO()],
        logger=(tracking.loggers if tracking else []) or False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Hold back Lightning's notices about hardware, workers and loggers: none apply here."""
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
