"""Arrays that take long to make, kept in files between processes.

A file is named by a digest of the text that says what its arrays were made from, and holds this
text and a checksum. It is written beside its place, then renamed, and never pickled. A file that is
damaged, or holds something else, is made anew; where nothing can be written, nothing is kept.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from chisel.configs.errors import ConfigError

Arrays = dict[str, NDArray[Any]]

VARIABLE = "CHISEL_CACHE"
"""Environment variable that names another folder than the user's cache folder."""
DEFAULT_LIMIT = 2_000_000_000
WORTH_KEEPING = 1.0
"""Seconds; what is made faster is not kept."""

_LIMIT_FILE = "limit"
_OURS = re.compile(r"[a-z-]+-[0-9a-f]{32}(-\w+\.tmp|\.npz)")
_MADE_FROM, _TITLE, _CHECKSUM = "made from", "title", "checksum"


@dataclass(frozen=True)
class Entry:
    """One file of the cache.

    Attributes:
        path: The file.
        size: Its bytes.
        used: Seconds since 1970 at which it was last written or read.
    """

    path: Path
    size: int
    used: float

    @property
    def title(self) -> str:
        """What it holds, in words."""
        try:
            with np.load(self.path, allow_pickle=False) as file:
                return str(file[_TITLE])
        except Exception:  # what is damaged can fail in any way
            return "unfinished or damaged"


def folder() -> Path:
    """Return the folder of the cache, which need not exist."""
    named = os.environ.get(VARIABLE)
    return Path(named or platformdirs.user_cache_dir("chisel", appauthor=False)).expanduser()


def kept(kind: str, title: str, made_from: str, make: Callable[[], Arrays]) -> Arrays:
    """Return arrays as they were made earlier, or make them and keep them.

    Args:
        kind: Name of what is kept, in small letters and hyphens: how its file's name begins.
        title: What the arrays are, in words for the list.
        made_from: Everything that the arrays depend on, also versions of code.
        make: Makes the arrays, of numbers or text.
    """
    if not limit():
        return make()
    digest = hashlib.blake2b(made_from.encode(), digest_size=16).hexdigest()
    path = folder() / f"{kind}-{digest}.npz"
    found = _read(path, made_from)
    if found is not None:
        return found
    began = time.monotonic()
    arrays = make()
    if time.monotonic() - began >= WORTH_KEEPING:
        _keep(path, arrays | {_TITLE: np.array(title), _MADE_FROM: np.array(made_from)})
    return arrays


def entries() -> list[Entry]:
    """Return what is kept, the longest unused first."""
    found = []
    for path in folder().glob("*"):
        if _OURS.fullmatch(path.name):
            try:
                stat = path.stat()
            except FileNotFoundError:  # another process has just removed it
                continue
            found.append(Entry(path, stat.st_size, stat.st_mtime))
    return sorted(found, key=lambda one: one.used)


def limit() -> int:
    """Return how many bytes are kept at most; 0 if nothing is."""
    try:
        return max(0, int((folder() / _LIMIT_FILE).read_text()))
    except (OSError, ValueError):
        return DEFAULT_LIMIT


def set_limit(most: int) -> None:
    """Set how many bytes are kept at most, from now on, and remove what is beyond.

    Raises:
        ConfigError: The folder can't be written.
    """
    try:
        folder().mkdir(parents=True, exist_ok=True)
        (folder() / _LIMIT_FILE).write_text(f"{most}\n")
        _shrink(most)
    except OSError as error:
        raise ConfigError(
            f"limit: {folder()} can't be written ({error.strerror}); {VARIABLE}=FOLDER names "
            "another folder"
        ) from error


def clear() -> None:
    """Remove all entries.

    Raises:
        OSError: An entry can't be removed.
    """
    _shrink(-1)  # empty files, too


def _shrink(most: int) -> None:
    """Remove the longest unused entries until the others have `most` bytes at most."""
    found = entries()
    size = sum(one.size for one in found)
    for one in found:
        if size <= most:
            break
        one.path.unlink(missing_ok=True)
        size -= one.size


def _read(path: Path, made_from: str) -> Arrays | None:
    """Return the arrays of a file; `None` if there is none, or it is not what it should be."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if str(arrays.pop(_CHECKSUM)) != _checksum(arrays):
            raise ValueError("its checksum differs")
        if str(arrays.pop(_MADE_FROM)) != made_from:
            raise ValueError("it holds something else")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # what is damaged can fail in any way
        _say(f"{path} is not used, but made anew: {' '.join(str(error).split())}")
        return None
    with suppress(OSError):  # another process has removed it, or it can't be written
        os.utime(path)
    del arrays[_TITLE]
    return arrays


def _keep(path: Path, arrays: Arrays) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}-", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                checked = arrays | {_CHECKSUM: np.array(_checksum(arrays))}
                np.savez(file, **checked)
            with suppress(FileNotFoundError):  # another process has just emptied the cache
                os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
        _shrink(limit())
    except OSError as error:
        _say(
            f"nothing is kept in {path.parent} ({error.strerror or error}), so it is made each "
            f"time; {VARIABLE}=FOLDER names another folder"
        )


def _checksum(arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, array in sorted(arrays.items()):
        digest.update(repr((name, array.dtype.str, array.shape)).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


@functools.cache
def _say(text: str) -> None:
    """Print a note, once in a process."""
    print(f"note: {text}", file=sys.stderr)
