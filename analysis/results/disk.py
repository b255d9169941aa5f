"""Files of results: written whole or not at all, and early to say when they can't be."""

from __future__ import annotations

import tempfile
from pathlib import Path

from chisel.configs import CheckpointError, ConfigError
from chisel.models import write_atomically

_PROBE = bytes(65536)
"""As much as a small result takes: a full disk gives room to a file, but to nothing in it."""


def write_file(path: Path, data: bytes) -> Path:
    """Write a file; an older one of that name stays whole until the new one is.

    Raises:
        CheckpointError: If the disk refuses.
    """
    try:
        write_atomically(path, data)
    except OSError as error:
        raise CheckpointError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def check_folder(folder: Path) -> None:
    """See whether files can be written in a folder, or where it would be made; leave nothing.

    Raises:
        ConfigError: If they cannot.
    """
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(_PROBE)
            file.flush()
    except OSError as error:
        raise refused(folder, error) from error


def refused(folder: Path, error: OSError) -> ConfigError:
    """What to say of a folder that can't be made or written in."""
    why = error.strerror or str(error)
    return ConfigError(f"cannot write in {folder}: {why}; name another folder with out=FOLDER")
