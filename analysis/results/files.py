"""Write the files of results, each completely or not at all, and replace earlier results."""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from chisel.configs import CheckpointError, ConfigError
from chisel.models import write_file

TABLES = "tables.json"
"""Name of the file that holds the tables of a study; it carries no manifest."""

MANIFEST = "study"
"""Key in the JSON of a result: the `name` of the study, its `options`, the `files` it wrote."""

_PROBE = bytes(65536)
"""Content of a test file, as large as a small result: a full disk still creates empty files."""

_Stamps = dict[str, tuple[int, int, int]]
"""Time of the last change, size and inode of each file, by name."""


def write_json(path: Path, data: Mapping[str, Any]) -> Path:
    """Write a mapping of values that `plain` takes as JSON.

    Raises:
        CheckpointError: If the file cannot be written.
        TypeError: If a value is of a kind that `plain` does not take.
    """
    return write_file(path, (json.dumps(plain(data), indent=1, allow_nan=False) + "\n").encode())


def plain(value: Any) -> Any:
    """Return plain values for JSON, with `None` for NaN and infinity.

    An object with `to_plain` is replaced by the result of that method, and another dataclass by its
    fields by name, without those with `repr=False`. A frame becomes a list for each column.

    Raises:
        TypeError: If a value is of another kind.
    """
    if value is None or isinstance(value, (int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple, set, frozenset)) and not hasattr(value, "_asdict"):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    return plain(_opened(value))


def _opened(value: Any) -> Any:
    """Return the content of an object, one level deep."""
    for method in ("to_plain", "_asdict", "tolist"):
        if hasattr(value, method):
            return getattr(value, method)()
    if dataclasses.is_dataclass(value):
        shown = [one.name for one in dataclasses.fields(value) if one.repr]
        return {name: getattr(value, name) for name in shown}
    if isinstance(value, pd.DataFrame):
        return {name: value[name].tolist() for name in value}
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def write_csv(path: Path, frame: pd.DataFrame) -> Path:
    """Write the columns of a table, without its index; a missing value is an empty cell.

    Raises:
        CheckpointError: If the file cannot be written.
    """
    return write_file(path, frame.to_csv(index=False, lineterminator="\n").encode())


def make_folder(folder: Path | str) -> Path:
    """Return a folder in which files can be written, made if need be.

    Raises:
        ConfigError: If the folder cannot be made, or files cannot be written in it.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(folder, error) from error
    check_folder(folder)
    return folder


def check_folder(folder: Path) -> None:
    """Check that files can be written in a folder, or that it could be made; leave nothing there.

    Raises:
        ConfigError: If files cannot be written there.
    """
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(_PROBE)
            file.flush()
    except OSError as error:
        raise _refused(folder, error) from error


@contextmanager
def replace_results(folder: Path, study: str, options: Mapping[str, Any]) -> Iterator[None]:
    """Let results be written within the context, in place of earlier ones of the same study.

    Of the earlier files, only those in the manifest of an earlier result are removed. At the end
    each JSON file gets a manifest. If writing fails or is interrupted, the files written so far are
    removed.

    Args:
        folder: Folder to which the files are written.
        study: Name of the study.
        options: Options of the study, in plain values.
    """
    _remove(folder, _named_in_manifests(folder, study))
    before = _stamps(folder)
    try:
        yield
        files = _written_since(folder, before)
        for name in files:
            if name.endswith(".json") and name != TABLES:
                manifest = {"name": study, "options": dict(options), "files": files}
                write_json(folder / name, read_json(folder / name) | {MANIFEST: manifest})
    except BaseException:
        _remove(folder, _written_since(folder, before))
        raise


def _refused(folder: Path, error: OSError) -> ConfigError:
    why = error.strerror or str(error)
    return ConfigError(f"cannot write in {folder}: {why}; name another folder with out=FOLDER")


def _named_in_manifests(folder: Path, study: str) -> list[str]:
    """Return the names of the files in the manifests of a study's results in a folder."""
    found: list[str] = []
    for file in folder.glob("*.json"):
        manifest = read_json(file).get(MANIFEST)
        if isinstance(manifest, dict) and manifest.get("name") == study:
            found += [str(name) for name in manifest.get("files", [])]
    return found


def read_json(file: Path) -> dict[str, Any]:
    """Return the content of a JSON file, or an empty dict if it is not a result of ours."""
    try:
        return read_result(file)
    except CheckpointError:
        return {}


def read_result(file: Path) -> dict[str, Any]:
    """Return the content of a JSON file, or an empty dict if it is something else than a dict.

    Raises:
        CheckpointError: If the file cannot be read or is no JSON.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}; delete it to run again") from error
    return data if isinstance(data, dict) else {}


def _remove(folder: Path, names: list[str]) -> None:
    for name in names:
        file = folder / name
        if file.parent == folder and file.is_file():  # a damaged manifest may contain any name
            file.unlink()


def _stamps(folder: Path) -> _Stamps:
    """Return the stamps of all files, which change when a file is written again."""
    stats = {file.name: file.stat() for file in folder.iterdir() if file.is_file()}
    return {name: (one.st_mtime_ns, one.st_size, one.st_ino) for name, one in stats.items()}


def _written_since(folder: Path, before: _Stamps) -> list[str]:
    return sorted(name for name, stamp in _stamps(folder).items() if before.get(name) != stamp)
