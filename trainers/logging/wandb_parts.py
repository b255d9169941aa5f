"""Find and mend the parts of a W&B run on disk: one for each start or resume of the run.

`wandb sync` sends the parts of a run in the order of their starts, and notes beside each that it
was sent. If a part's last record is incomplete, it stops there and sends that part again the next
time. If a part has no record, it sends nothing. It renumbers rows that come late.
"""

from __future__ import annotations

import glob
import shlex
import shutil
import struct
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

_MAGIC = b":W&B\xe1\xbe\x00"
_CHUNK_HEADER, _BLOCK = 7, 32768
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
"""Layout of a `.wandb` file: LevelDB's log format after a header of W&B."""


def sync_command(folder: Path, *, unsent: bool = True) -> str | None:
    """Return the command that sends the offline parts of a run, or of the runs of a group.

    Args:
        folder: Folder of the run or the group.
        unsent: Return `None` if all offline parts were sent already.
    """
    pattern = "wandb/offline-run-*"
    if not (folder / "wandb").is_dir() and any(folder.glob(f"*/{pattern}")):
        pattern = f"*/{pattern}"
    if unsent and not any(map(_unsent, folder.glob(f"{pattern}/run-*.wandb"))):
        return None
    return f"wandb sync {shlex.quote(str(folder))}/{pattern}"


def parts_of(folder: Path, run_id: str) -> list[Path]:
    """Return the files of a W&B run, offline and online, in the order of their starts."""
    name = glob.escape(run_id)
    files = folder.glob(f"wandb/*run-*-{name}/run-{name}.wandb")
    return sorted(files, key=lambda file: file.parent.name.removeprefix("offline-"))


def has_unsent(folder: Path, run_id: str) -> bool:
    """Return whether a run has a part that was written offline and not sent yet."""
    offline = (one for one in parts_of(folder, run_id) if one.parent.name.startswith("offline-"))
    return any(map(_unsent, offline))


def mend(folder: Path, run_id: str) -> int | None:
    """Repair the parts of a killed run, so that `wandb sync` can send them.

    An incomplete record at the end of a part is cut off, and a part without records of the run is
    removed.

    Args:
        folder: The run's folder.
        run_id: Id of the W&B run.

    Returns:
        The last step of all parts, 0 if they have no row; `None` if there is no part.

    Raises:
        OSError: If a file can't be read or written, or has another format.
    """
    last = None
    for file in parts_of(folder, run_id):
        kinds, step = _mended(file)
        if "run" not in kinds:
            shutil.rmtree(file.parent)
        else:
            last = max(last or 0, step)
    return last


def _unsent(file: Path) -> bool:
    return not file.with_suffix(".wandb.synced").exists()


def _mended(file: Path) -> tuple[set[str], int]:
    """Cut off an incomplete end; return the kinds of records in a file, and its last step."""
    messages: Any = import_module("wandb.proto.wandb_internal_pb2")  # loads all of W&B
    data, kinds, step, whole = file.read_bytes(), set[str](), 0, 0
    if not data.startswith(_MAGIC) and not _MAGIC.startswith(data):
        raise OSError(f"{file} has a format that this version of Chisel can't read")
    for record, end in _records(data):
        whole = end
        message = messages.Record.FromString(record)
        kinds.add(str(message.WhichOneof("record_type")))
        step = max(step, message.history.step.num)
    if whole < len(data):
        with file.open("r+b") as opened:
            opened.truncate(whole)
    return kinds, step


def _records(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the complete records of a file, each with the position of its end."""
    position, parts = len(_MAGIC), b""
    while position + _CHUNK_HEADER <= len(data):
        if (left := _BLOCK - position % _BLOCK) < _CHUNK_HEADER:
            position += left
            continue
        length, kind = struct.unpack_from("<HB", data, position + 4)  # after the checksum
        start, position = position + _CHUNK_HEADER, position + _CHUNK_HEADER + length
        if position > len(data) or kind not in (_FULL, _FIRST, _MIDDLE, _LAST):
            return
        parts = (b"" if kind in (_FULL, _FIRST) else parts) + data[start:position]
        if kind in (_FULL, _LAST):
            yield parts, position
