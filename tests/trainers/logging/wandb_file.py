"""Reads what W&B keeps on disk: LevelDB's log format around wandb's own messages."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2 as pb

BLOCK = 32768
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(path: Path) -> Iterator[Any]:
    """Read the messages of a `run-<id>.wandb` file, up to an incomplete one."""
    data, position, parts = path.read_bytes(), 7, b""
    while position + 7 <= len(data):
        if BLOCK - position % BLOCK < 7:
            position += BLOCK - position % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        position += 7
        chunk = data[position : position + length]
        position += length
        if len(chunk) < length:
            return
        parts = chunk if kind in (FULL, FIRST) else parts + chunk
        if kind in (FULL, LAST):
            record = pb.Record()
            record.ParseFromString(parts)
            yield record


def write(path: Path, messages: list[Any]) -> list[int]:
    """Write messages as W&B does; return the position at which each ends."""
    data, ends = bytearray(b":W&B\xe1\xbe\x00"), []
    for message in messages:
        rest, first = message.SerializeToString(), True
        while first or rest:
            if (left := BLOCK - len(data) % BLOCK) < 7:
                data += bytes(left)
                left = BLOCK
            chunk, rest = rest[: left - 7], rest[left - 7 :]
            kind = (FIRST if rest else FULL) if first else (MIDDLE if rest else LAST)
            data += struct.pack("<IHB", 0, len(chunk), kind) + chunk
            first = False
        ends.append(len(data))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return ends


def history(path: Path) -> list[dict[str, Any]]:
    """Return the logged rows, each with W&B's own `_step`."""
    rows = []
    for record in records(path):
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            rows.append({".".join(i.nested_key) or i.key: json.loads(i.value_json) for i in items})
    return rows


def run_of(path: Path) -> Any:
    """Return the message that describes the run."""
    return next(r.run for r in records(path) if r.WhichOneof("record_type") == "run")
