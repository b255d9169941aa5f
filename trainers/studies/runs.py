"""What studies that rehearse or train share: runs, their checkpoints, and a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

from chisel import configs, models
from chisel.analysis.results import as_typed
from chisel.configs import ConfigError, RunConfig
from chisel.trainers.runs import rundir
from chisel.trainers.runs.run import resume, train

_LIMITS = ("threads", "max_minutes", "progress")
"""Of `trainer`: what a study may ask for anew when it goes on with a run."""
_ELSEWHERE = {"name", "runs_dir", "tracking", *(f"trainer.{key}" for key in _LIMITS)}
"""Parts of a config that say nothing of what was trained."""


def seeds_of(text: str) -> list[int]:
    """The seeds that an option lists.

    Raises:
        ConfigError: One is no whole number from 0, or is there twice: it would count twice.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ConfigError(f"seeds={text}: whole numbers with commas between, like 5,6,7")
    found = [int(part) for part in parts]
    if len(set(found)) < len(found):
        raise ConfigError(f"seeds={text}: each seed once, please")
    return found


def run_folder(config: RunConfig) -> Path:
    """Where a run of that config and name is, or will be."""
    return Path(config.runs_dir) / config.experiment / str(config.name)


def trained(config: RunConfig, *, option: str) -> Path:
    """The folder of the finished run: trained, gone on with, or found as it is.

    Args:
        config: What is asked for; with a name.
        option: The study's own that names another folder for runs.

    Raises:
        ConfigError: A run of that name was trained with other settings, or did not come to its end.
    """
    folder = run_folder(config)
    if not (folder / rundir.CONFIG_FILE).is_file():
        train(config)
    else:
        require_same(folder, config, option=option)
        if not is_finished(folder, config):
            limits = {key: getattr(config.trainer, key) for key in _LIMITS}
            resume(folder, [f"trainer.{key}={as_typed(value)}" for key, value in limits.items()])
    if not is_finished(folder, config):
        raise ConfigError(f"{folder} has not come to its end; the same command goes on with it")
    return folder


def require_same(folder: Path, config: RunConfig, *, option: str) -> None:
    """Check that a run was trained as a config says; how far it has come is left aside.

    Raises:
        ConfigError: It was not; the message names the first setting that differs.
    """
    found, wanted = (_trained(one) for one in (rundir.read_config(folder), config))
    for key in sorted(found.keys() | wanted.keys()):
        there, asked = found.get(key), wanted.get(key)
        if there != asked and not (key == "init_from" and _same_file(there, asked)):
            raise ConfigError(
                f"{folder} was trained with other settings: {key}={as_typed(there)}, not "
                f"{key}={as_typed(asked)}; {option}=FOLDER, another one, trains anew"
            )


def is_finished(folder: Path, config: RunConfig) -> bool:
    """Whether a run's last checkpoint is that of the last whole iteration."""
    if rundir.never_saved(folder, config.trainer.checkpoint_every):
        return False
    each = int(config.algo.num_steps * config.env.num_envs)
    return (models.load_agent(folder).env_steps or 0) >= config.frames // each * each


def _trained(config: RunConfig) -> dict[str, Any]:
    """Settings by their dotted keys, without those that say nothing of what was trained."""
    flat = configs.flatten(configs.to_plain(config))
    return {k: v for k, v in flat.items() if not _ELSEWHERE & {k, k.partition(".")[0]}}


def _same_file(one: str | None, other: str | None) -> bool:
    return None not in (one, other) and Path(str(one)).resolve() == Path(str(other)).resolve()


def kept_checkpoints(run: Path, most: int) -> list[Path]:
    """Checkpoints that a run kept, in order: the last, and at most so many evenly spaced."""
    files = sorted(
        file for file in (run / models.CHECKPOINTS).glob("*.ckpt") if models.iteration_of(file)
    )
    chosen = np.linspace(0, len(files) - 1, min(most, len(files))).round().astype(int)
    return [files[index] for index in chosen] if most > 1 else files[-1:]


@contextmanager
def progress_bar(total: int) -> Iterator[Progress]:
    """A bar on a terminal's standard error, gone at the end; `progress.advance(0)` moves it on."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task("", total=total)
        yield progress
