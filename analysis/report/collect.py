"""Collect the figures, tables and data of a study from its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chisel.analysis.results import MANIFEST, TABLES, read_result

SHOWN = 40_000
"""Largest number of bytes of a data file that is shown, folded; a larger file is only named."""
_FIGURES = (".png", ".gif")
_DATA = (".json", ".csv")


@dataclass(frozen=True)
class Findings:
    """The results in a folder, in the order of their names."""

    figures: Mapping[str, bytes] = field(default_factory=dict)
    """Contents of PNG and GIF files, by name."""
    tables: Sequence[Mapping[str, Any]] = ()
    """Tables as `chisel.analysis.results.plain_table` returns them."""
    data: Mapping[str, str] = field(default_factory=dict)
    """Texts of JSON and CSV files by name; empty for those larger than `SHOWN`."""
    command: str | None = None
    """Command that gives the same results, if the data contain it."""
    conclusion: str = ""
    """Conclusion of the study."""
    split: str | None = None
    """Split of the levels on which it was measured; `None` if there are no splits."""


def findings(folder: Path) -> Findings:
    """Collect the results in a study's folder.

    Raises:
        CheckpointError: If a JSON file there cannot be read.
    """
    files = [file for file in sorted(folder.iterdir()) if file.name != TABLES]
    found = [read_result(file) for file in files if file.suffix == ".json"]
    commands = [one["command"] for one in found if isinstance(one.get("command"), str)]
    tables = read_result(folder / TABLES)["tables"] if (folder / TABLES).is_file() else []
    return Findings(
        {file.name: file.read_bytes() for file in files if file.suffix in _FIGURES},
        tables + [one["table"] for one in found if "table" in one],
        {file.name: _shown(file) for file in files if file.suffix in _DATA},
        next(iter(commands), None),
        next((str(one["conclusion"]) for one in found if one.get("conclusion")), ""),
        next(filter(None, map(_split, found)), None),
    )


def is_about(folder: Path, digests: Sequence[str]) -> bool:
    """Return whether a folder holds results about networks of exactly these digests.

    Raises:
        CheckpointError: If a JSON file there cannot be read.
    """
    found = [read_result(file) for file in sorted(folder.glob("*.json")) if file.name != TABLES]
    named = {digest for data in found for digest in _digests(data)}
    return bool(named) and named == set(digests)


def _shown(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.stat().st_size <= SHOWN else ""


def _split(data: Mapping[str, Any]) -> str | None:
    """Return the split of a result: that of its options, or else of the run's `eval.split`."""
    evaluated = data.get("settings", {}).get("eval.split")
    if evaluated is not None:
        return str(evaluated)
    options = data.get(MANIFEST, {}).get("options", {})
    if "split" not in options:
        return None
    runs = data.get("runs") or [data]
    config = (runs[0].get("config") or {}) if isinstance(runs[0], dict) else {}
    split = options["split"] or config.get("eval", {}).get("split")
    return None if split is None else str(split)


def _digests(data: Mapping[str, Any]) -> list[str]:
    """Return the digests of the network itself, or of each of the runs."""
    runs = data.get("runs")
    several = runs if isinstance(runs, list) else []
    named = [one.get("sha256") for one in (data, *several) if isinstance(one, dict)]
    return [digest for digest in named if isinstance(digest, str)]
