"""Collect what a study left in its folder: figures, tables, data."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chisel.analysis.results import TABLES
from chisel.configs import CheckpointError

FIGURES = (".png", ".gif")


@dataclass(frozen=True)
class Findings:
    """The results in a folder, in the order of their names."""

    figures: tuple[Path, ...]
    tables: tuple[dict[str, Any], ...]
    """Tables as `chisel.analysis.results.plain_table` returns them."""
    data: tuple[Path, ...]
    """JSON and CSV files."""
    command: str | None
    """Command that gives the same results, if the data say."""


def findings(folder: Path) -> Findings:
    """Collect the results in a study's folder.

    Raises:
        CheckpointError: If a JSON file there cannot be read.
    """
    files = sorted(folder.iterdir())
    tables: list[dict[str, Any]] = []
    command = None
    data = []
    for file in files:
        if file.name == TABLES:
            tables += _read(file)["tables"]
        elif file.suffix in (".json", ".csv"):
            data.append(file)
            if file.suffix == ".json":
                command = command or _command(_read(file))
    figures = tuple(file for file in files if file.suffix in FIGURES)
    return Findings(figures, tuple(tables), tuple(data), command)


def is_about(folder: Path, digests: list[str]) -> bool:
    """Return whether a folder holds results about checkpoints of exactly these digests."""
    named = {digest for data in _results(folder) for digest in _digests(data)}
    return bool(named) and named == set(digests)


def is_answer(folder: Path, digests: list[str], command: str) -> bool:
    """Return whether a folder holds results about these checkpoints, with a command's options."""
    commands = [one for data in _results(folder) if (one := _command(data))]
    wanted = _settings(command)
    return (
        is_about(folder, digests)
        and bool(commands)
        and all(_settings(one) == wanted for one in commands)
    )


def _results(folder: Path) -> list[Any]:
    return [_read(file) for file in sorted(folder.glob("*.json")) if file.name != TABLES]


def _settings(command: str) -> set[str]:
    """Return a command's words, without those that say what is studied and where results go."""
    return {w for w in shlex.split(command) if not w.startswith(("checkpoint=", "out="))}


def _digests(data: Any) -> list[str]:
    """Return the digests of the checkpoint itself, or of each of the runs."""
    if not isinstance(data, dict):
        return []
    found = [data["sha256"]] if isinstance(data.get("sha256"), str) else []
    runs = data.get("runs")
    for one in runs if isinstance(runs, list) else ():
        found += _digests(one)
    return found


def _command(data: Any) -> str | None:
    if not isinstance(data, dict):
        return None
    runs = data.get("runs")
    first = runs[0] if isinstance(runs, list) and runs else {}
    command = data.get("command") or (first.get("command") if isinstance(first, dict) else None)
    return command if isinstance(command, str) else None


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}; delete it to run again") from error
