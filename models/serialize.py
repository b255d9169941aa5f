"""Write and read checkpoints that survive crashes and cannot run code.

A file is written beside its target, synced, and renamed. Its sha256 is kept in a sidecar file that
`sha256sum -c` can check. Reading verifies the digest before anything is parsed, and parses plain
values and tensors only.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from chisel.configs import CheckpointError

CHECKPOINTS = "checkpoints"
"""Name of the folder in a run that holds its checkpoints."""

_NAME = re.compile(r"iter-(\d{8,})\.ckpt")
_TEMPORARY = ".tmp"
_LEAVES = (str, int, float, bool, type(None), bytes, torch.Tensor, torch.nn.Parameter, torch.dtype)


def checkpoint_name(iteration: int) -> str:
    """Return the file name of an iteration's checkpoint, such as `iter-00000012.ckpt`."""
    return f"iter-{iteration:08d}.ckpt"


def iteration_of(path: Path) -> int | None:
    """Return the iteration in a checkpoint's file name; None for any other file."""
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else None


def sidecar_of(path: Path) -> Path:
    """Return the path of the sidecar file, which holds the digest of `path`."""
    return path.with_name(path.name + ".sha256")


def write_checkpoint(path: Path, payload: dict[str, Any]) -> str:
    """Write `payload` so that a crash at any moment leaves a valid file, old or new.

    Args:
        path: File to write; its folder is made if it does not exist.
        payload: Dicts, lists and tuples of tensors, strings, numbers, bytes and None.

    Returns:
        The file's sha256, in hex.

    Raises:
        CheckpointError: If `read_checkpoint` would refuse a value, or the disk refuses (full,
            read-only).
    """
    for where, value in _foreign(payload, ""):
        raise CheckpointError(
            f"cannot store {where}: a {type(value).__module__}.{type(value).__qualname__} "
            "would not load safely; checkpoints hold plain values and tensors"
        )
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    data = buffer.getbuffer()
    digest = hashlib.sha256(data).hexdigest()
    sidecar, line = sidecar_of(path), f"{digest}  {path.name}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # While a file of the same name is being replaced, the sidecar holds both digests.
        known = sidecar.read_text() if path.exists() and sidecar.exists() else ""
        write_atomically(sidecar, (line + known).encode())
        write_atomically(path, data)
        if known:
            write_atomically(sidecar, line.encode())
    except OSError as error:
        raise CheckpointError(
            f"cannot write checkpoint {path}: {error.strerror or error}"
        ) from error
    return digest


def write_file(path: Path, data: bytes) -> Path:
    """Write a file; an older file of that name stays complete until the new one is.

    Returns:
        The path.

    Raises:
        CheckpointError: If the disk refuses.
    """
    try:
        write_atomically(path, data)
    except OSError as error:
        raise CheckpointError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def write_atomically(path: Path, data: bytes | memoryview) -> None:
    """Replace the content of `path` so that a crash leaves the old file or the new one.

    Raises:
        OSError: If the disk refuses; `path` is then unchanged.
    """
    temporary = path.with_name(f".{path.name}{_TEMPORARY}")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "nt":
        return  # Windows cannot open a folder to sync it
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint after verifying its digest; load tensors on the CPU.

    Nothing in the file is executed.

    Raises:
        CheckpointError: If the file or its digest is missing, if they disagree, or if the file
            holds anything but plain values and tensors.
    """
    return load_plain(_verified(path), path)


def load_plain(data: bytes, source: Path) -> dict[str, Any]:
    """Parse the bytes of a torch file that holds a dict of plain values and tensors.

    Nothing in it is executed.

    Args:
        data: The bytes.
        source: File that they come from, for messages.

    Raises:
        CheckpointError: If the file holds anything else.
    """
    try:
        payload = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # a malformed pickle can raise any exception
        refused = re.search(r"GLOBAL (\S+)", str(error))
        lines = [*str(error).splitlines(), type(error).__name__]
        detail = f"it asks for {refused[1]}" if refused else lines[0]
        raise CheckpointError(f"refused to load {source}: {detail}") from error
    if not isinstance(payload, dict):
        raise CheckpointError(f"{source} holds a {type(payload).__name__}, not a dict")
    return payload


def read_bytes(path: Path) -> bytes:
    """Read a whole file.

    Raises:
        CheckpointError: If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error


def file_digest(path: Path) -> str:
    """Return the sha256 of a file, in hex.

    Raises:
        CheckpointError: If it cannot be read.
    """
    return hashlib.sha256(read_bytes(path)).hexdigest()


def latest_valid(folder: Path, warn: Callable[[str], None]) -> Path:
    """Return the checkpoint of the highest iteration whose digest is correct.

    Args:
        folder: Folder of the checkpoints.
        warn: Called with one line for each newer checkpoint that is damaged.

    Raises:
        CheckpointError: If there is no valid checkpoint.
    """
    damaged: list[tuple[Path, str]] = []
    for path in reversed(_checkpoints(Path(folder))):
        try:
            _verified(path)
        except CheckpointError as error:
            damaged.append((path, str(error)))
            continue
        for bad, reason in damaged:
            warn(f"{bad.name} is not used: {reason}; using {path.name} instead")
        return path
    if damaged:
        names = ", ".join(path.name for path, _ in damaged)
        raise CheckpointError(f"no valid checkpoint in {folder}; damaged: {names}")
    raise CheckpointError(f"no checkpoint in {folder}")


def kept_checkpoints(run: Path, most: int | None = None) -> list[Path]:
    """Return the checkpoints that a run kept, oldest first.

    Args:
        run: The run's folder.
        most: Largest number to return, evenly spaced and including the last; None returns all.
    """
    files = _checkpoints(Path(run) / CHECKPOINTS)
    if most == 1:
        return files[-1:]
    count = len(files) if most is None else min(most, len(files))
    return [files[place] for place in np.linspace(0, len(files) - 1, count).round().astype(int)]


def prune(folder: Path, keep_last: int, keep_every: int | None = None) -> list[Path]:
    """Delete old checkpoints and temporary files of interrupted writes.

    Args:
        folder: Folder of the checkpoints.
        keep_last: Number of newest checkpoints to keep, at least 1.
        keep_every: Also keep iterations that are multiples of this; None keeps no others.

    Returns:
        The deleted checkpoints.

    Raises:
        CheckpointError: If the disk refuses.
        ValueError: If `keep_last` is below 1.
    """
    if keep_last < 1:
        raise ValueError(f"keep_last must be at least 1, not {keep_last}")
    old = [
        path
        for path in _checkpoints(Path(folder))[:-keep_last]
        if not keep_every or (iteration_of(path) or 0) % keep_every
    ]
    try:
        for path in old:
            path.unlink(missing_ok=True)
            sidecar_of(path).unlink(missing_ok=True)
        for leftover in Path(folder).glob(f".iter-*{_TEMPORARY}"):
            leftover.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(f"cannot prune {folder}: {error.strerror or error}") from error
    return old


def _checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, oldest iteration first."""
    numbered = ((iteration_of(path), path) for path in folder.glob("iter-*.ckpt"))
    return [path for _, path in sorted((n, path) for n, path in numbered if n is not None)]


def _verified(path: Path) -> bytes:
    """Return the bytes of a checkpoint after comparing their digest with the sidecar's."""
    data = read_bytes(path)
    sidecar = sidecar_of(path)
    if not sidecar.exists():
        raise CheckpointError(f"{path} has no digest beside it ({sidecar.name})")
    lines = (line.split() for line in read_bytes(sidecar).decode(errors="replace").splitlines())
    known = {fields[0] for fields in lines if fields[1:] == [path.name]}
    if hashlib.sha256(data).hexdigest() not in known:
        raise CheckpointError(f"{path} is damaged: its digest is not the one in {sidecar.name}")
    return data


def _foreign(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Yield places and values whose type the safe loader would refuse, such as NumPy scalars."""
    if type(value) in (dict, OrderedDict):
        for key, item in value.items():
            yield from _foreign(key, f"{where}[{key!r}] (key)")
            yield from _foreign(item, f"{where}[{key!r}]")
    elif type(value) in (list, tuple, set, torch.Size):
        for index, item in enumerate(value):
            yield from _foreign(item, f"{where}[{index}]")
    elif type(value) not in _LEAVES:
        yield where or "the payload", value
