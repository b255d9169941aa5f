"""Results that name their study, options and files, so that later ones leave nothing of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chisel.analysis.results.output import TABLES, write_json

SIGNATURE = "study"
"""The key in a result's JSON: `name` of the study, its `options`, and the `files` it wrote."""

_Stamps = dict[str, tuple[int, int, int]]


@contextmanager
def signed(folder: Path, study: str, options: Mapping[str, Any]) -> Iterator[None]:
    """Write results within the context, in place of those that the study has left there before.

    Only files that an earlier result names are removed. At the end the JSON is signed; where
    writing fails or is interrupted, half a result is removed.

    Args:
        folder: Where they are written.
        study: Its name.
        options: In plain values.
    """
    _remove(folder, _earlier(folder, study))
    before = _stamps(folder)
    try:
        yield
        files = _written(folder, before)
        for name in files:
            if name.endswith(".json") and name != TABLES:
                data = _read(folder / name)
                about = {"name": study, "options": dict(options), "files": files}
                write_json(folder / name, data | {SIGNATURE: about})
    except BaseException:
        _remove(folder, _written(folder, before))
        raise


def _earlier(folder: Path, study: str) -> list[str]:
    """Names of the files that results of the same study in a folder say they wrote."""
    found: list[str] = []
    for file in folder.glob("*.json"):
        about = _read(file).get(SIGNATURE)
        if isinstance(about, dict) and about.get("name") == study:
            found += [str(name) for name in about.get("files", [])]
    return found


def _read(file: Path) -> dict[str, Any]:
    """What a file holds; nothing if it is not a result of ours."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _remove(folder: Path, names: list[str]) -> None:
    for name in names:
        file = folder / name
        if file.parent == folder and file.is_file():  # whatever a damaged result claims
            file.unlink()


def _stamps(folder: Path) -> _Stamps:
    """What tells whether a file was written since."""
    found = {}
    for file in folder.iterdir():
        if file.is_file():
            stat = file.stat()
            found[file.name] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


def _written(folder: Path, before: _Stamps) -> list[str]:
    return sorted(name for name, stamp in _stamps(folder).items() if before.get(name) != stamp)
