"""Make, read and lock run folders, so that none is overwritten or used by two processes."""

from __future__ import annotations

import errno
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from chisel import configs, models
from chisel.configs import CheckpointError, ConfigError, RunConfig

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK_FILE = ".lock"
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)
"""Errors of file systems without locks, such as NFS without its service or Lustre without flock."""


def create(config: RunConfig) -> tuple[RunConfig, Path]:
    """Make a run's folder `<runs_dir>/<experiment>/<name>`, which must be new.

    Returns:
        The config with its name filled in, and the folder.

    Raises:
        ConfigError: If a run of that name exists, or the folder can't be made.
    """
    parent = Path(config.runs_dir) / config.experiment
    if config.name is None:
        folder = _unused(parent, f"{time.strftime('%Y%m%d-%H%M%S')}-seed{config.seed}")
        return replace(config, name=folder.name), folder
    folder = parent / config.name
    if not _make(folder):
        raise ConfigError(
            f"name: a run named {config.name!r} exists in {parent}; choose another name, or go "
            f"on with `{resume_command(folder)}`"
        )
    return replace(config, name=folder.name), folder


def resume_command(folder: Path) -> str:
    """Return the command that goes on with a run, or with the grid that it belongs to."""
    return shlex.join(["chisel", "resume", str(group_of(folder) or folder)])


def is_group(folder: Path) -> bool:
    """Return whether a folder holds the runs of a grid or of several seeds."""
    return (folder / models.GROUP_FILE).is_file()


def group_of(folder: Path) -> Path | None:
    """Return the folder of the grid that a run belongs to; `None` if it belongs to none."""
    return next(filter(is_group, list(folder.parents)[:2]), None)


def discard_unused(folder: Path, runs_dir: str) -> None:
    """Remove the folder of a run if it has no results, and empty ones above it in `runs_dir`."""
    unused = {models.CONFIG_FILE, LOCK_FILE, models.GROUP_FILE}
    if not {path.name for path in folder.iterdir()} <= unused:
        return
    shutil.rmtree(folder)
    with suppress(OSError):  # of a folder that is not empty
        for above in folder.parents:
            if Path(runs_dir) not in above.parents:
                break
            above.rmdir()


def write_config(folder: Path, config: RunConfig) -> None:
    """Write the run's complete config; replace an older file in one step.

    Raises:
        CheckpointError: If the disk refuses.
    """
    models.write_file(folder / models.CONFIG_FILE, configs.to_yaml(config).encode())


def read_config(folder: Path) -> RunConfig:
    """Read the config of an existing run.

    Raises:
        CheckpointError: If the folder is not a run.
    """
    path = folder / models.CONFIG_FILE
    if not path.is_file():
        raise CheckpointError(f"{folder} is not a run: it has no {models.CONFIG_FILE}")
    return configs.load(str(path))


def never_saved(folder: Path, checkpoint_every: int) -> bool:
    """Return whether a run ended before its first checkpoint, so that none is missing.

    The log shows it, because a checkpoint is saved after its iteration's row is written.

    Args:
        folder: The run's folder.
        checkpoint_every: Iterations between checkpoints.
    """
    if any((folder / models.CHECKPOINTS).glob("*.ckpt")):
        return False
    log = folder / "metrics.csv"
    rows = len(log.read_text().splitlines()) - 1 if log.exists() else 0
    return rows <= checkpoint_every


def _make(folder: Path) -> bool:
    """Make a new folder; return whether it is new."""
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
    """Lock a run's folder for this process within the context, or until the process ends.

    On file systems without locks a warning is printed, and training goes on.

    Raises:
        ConfigError: If another process trains in this folder.
        CheckpointError: If the disk refuses.
    """
    path = folder / LOCK_FILE
    try:
        handle = path.open("w")
    except OSError as error:
        raise CheckpointError(f"cannot write {path}: {error.strerror or error}") from error
    with handle:
        try:
            _take(handle.fileno())
        except BlockingIOError as error:
            raise ConfigError(f"{folder} is in use: another process trains there") from error
        except OSError as error:
            why = error.strerror or error
            if error.errno not in _NO_LOCKS:
                raise CheckpointError(f"cannot lock {path}: {why}") from error
            print(
                f"warning: the disk of {folder} has no locks ({why}); make sure that no other "
                "process trains there",
                file=sys.stderr,
            )
        yield


def in_use(folder: Path) -> bool:
    """Return whether a process trains in a folder; on disks without locks, always False."""
    try:
        with (folder / LOCK_FILE).open("r+") as handle:
            _take(handle.fileno())
    except BlockingIOError:
        return True
    except OSError:  # no process has trained there, or the disk has no locks
        return False
    return False


def _take(handle: int) -> None:
    """Lock an open file; raise `BlockingIOError` if another process has locked it."""
    if sys.platform == "win32":
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
