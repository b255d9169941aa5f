"""Run folders: named so that none is ever overwritten, locked while a process trains in them."""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import configs
import models
from configs import CheckpointError, ConfigError, RunConfig

CONFIG_FILE = "config.yaml"
LOCK_FILE = ".lock"
GROUP_FILE = "group.json"
"""What makes a folder a group of seeds: the config of each."""


def claim(config: RunConfig) -> tuple[RunConfig, Path]:
    """Make the folder `<runs_dir>/<experiment>/<name>`, which must be new.

    Returns:
        The config with its name filled in, and the folder.

    Raises:
        ConfigError: a run of that name exists, or the folder can't be made.
    """
    parent = Path(config.runs_dir) / config.experiment
    if config.name is None:
        folder = _unused(parent, f"{time.strftime('%Y%m%d-%H%M%S')}-seed{config.seed}")
        return replace(config, name=folder.name), folder
    folder = parent / config.name
    if not _make(folder):
        raise ConfigError(
            f"name: a run named {config.name!r} exists in {parent}; choose another name, or go "
            f"on with `chisel resume {folder}`"
        )
    return replace(config, name=folder.name), folder


def discard_unused(folder: Path) -> None:
    """Remove the folder of a run that ended before it had anything to keep."""
    if {path.name for path in folder.iterdir()} <= {CONFIG_FILE, LOCK_FILE, GROUP_FILE}:
        shutil.rmtree(folder)


def write_config(folder: Path, config: RunConfig) -> None:
    """Write the run's resolved config, replacing an older one in one step."""
    models.write_atomically(folder / CONFIG_FILE, configs.to_yaml(config).encode())


def read_config(folder: Path) -> RunConfig:
    """The config of an existing run.

    Raises:
        CheckpointError: the folder is no run.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise CheckpointError(f"{folder} is not a run: it has no {CONFIG_FILE}")
    return configs.load(str(path))


def never_saved(folder: Path, checkpoint_every: int) -> bool:
    """Whether a run was ended before its first checkpoint was due, so that none can be missing.

    Its log tells: a checkpoint is saved after the row of the iteration it was due in.
    """
    if any((folder / models.CHECKPOINTS).glob("*.ckpt")):
        return False
    log = folder / "metrics.csv"
    rows = len(log.read_text().splitlines()) - 1 if log.exists() else 0
    return rows <= checkpoint_every


def _make(folder: Path) -> bool:
    """Make a new folder; False if it exists."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigError(f"runs_dir: can't make {folder}: {error.strerror}") from error
    return True


def _unused(parent: Path, name: str) -> Path:
    candidates = [name, *(f"{name}-{number}" for number in range(2, 1000))]
    for candidate in candidates:
        if _make(parent / candidate):
            return parent / candidate
    raise ConfigError(f"name: {parent} holds 999 runs named {name}; give one with name=")


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold a run for this process; the lock goes with the process, however that ends.

    Raises:
        ConfigError: another process trains in this folder.
    """
    with (folder / LOCK_FILE).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(f"{folder} is in use: another process trains there") from error
        yield
