"""Where results go, and what they say about where they come from."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import configs
from analysis.homes import home_of, joined
from analysis.settings import runs_of
from configs import ConfigError, RunConfig
from models import WEIGHTS, Agent

TABLES = "tables.json"
"""The file in a study's folder that holds its tables."""

_WIDTH_OF_FILES = 140
"""Columns when standard output is no terminal and has no width of its own."""


def study_folder(agent: Agent, study: str, out: Path | str | None, words: str = "") -> Path:
    """The folder of a study's results, made if need be.

    Args:
        agent: What was studied.
        study: Its name.
        out: The folder itself; None is that of `home_of`.
        words: Options that are not at their defaults, for the folder's name.

    Raises:
        ConfigError: If it cannot be made.
    """
    return make_folder(home_of(agent.source, agent.digest, study, words) if out is None else out)


def results_folder(
    checkpoint: Path | str, agent: Agent, study: str, out: Path | str | None, words: str = ""
) -> Path:
    """Where a study's results go: `out`, or `studies/STUDY` of the run, or of the group.

    Raises:
        ConfigError: It cannot be made.
    """
    if out is None and runs_of(checkpoint) != [Path(checkpoint)]:
        out = Path(checkpoint) / "studies" / joined(study, words)
    return study_folder(agent, study, out, words)


def make_folder(folder: Path | str) -> Path:
    """The folder, made if need be.

    Raises:
        ConfigError: If it cannot be made.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"out={folder}: {error.strerror}") from error
    return folder


def study_command(
    study: str, options: Mapping[str, Any], checkpoint: Path | str | None = None
) -> str:
    """What to type to get the same result; options that are None, or empty text, are left out."""
    given = {"checkpoint": checkpoint, **options}
    settings = [f"{k}={as_typed(v)}" for k, v in given.items() if v is not None and v != ""]
    return shlex.join(["chisel", "study", study, *settings])


def as_typed(value: Any) -> str:
    """A setting's value as the command line reads it back; text that means more is quoted."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    text = str(value)
    try:
        same = configs.parse_settings([f"key={text}"]) == {"key": text}
    except ConfigError:
        same = False
    return text if same or isinstance(value, list | dict) else json.dumps(text, ensure_ascii=False)


def typed_source(agent: Agent) -> str:
    """What to type for an agent: where it was loaded from; of shipped weights their folder."""
    shipped = agent.source.name == WEIGHTS
    return str(agent.source.parent if shipped else agent.source)


def provenance(agent: Agent, config: RunConfig, *, seed: int, command: str) -> dict[str, Any]:
    """What a result must carry so that one can trust it and make it again.

    Args:
        agent: What was studied.
        config: The config it was studied under, with overrides.
        seed: Of the study.
        command: What to type to get the same result.
    """
    return {
        "checkpoint": str(agent.source),
        "sha256": agent.digest,
        "env_steps": agent.env_steps,
        "seed": seed,
        "command": command,
        "config": configs.to_plain(config),
    }


def write_json(path: Path, data: Mapping[str, Any]) -> Path:
    """Write plain values; a nan is a mistake here, not a value."""
    path.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def show(table: Table) -> None:
    """Print a table to standard output."""
    console = Console()
    (console if console.is_terminal else Console(width=_WIDTH_OF_FILES)).print(table)


def keep_tables(folder: Path, tables: Sequence[Table]) -> Path:
    """Print tables, and write their text to `tables.json`, from which a report takes them."""
    for table in tables:
        show(table)
    return write_json(folder / TABLES, {"tables": [plain_table(table) for table in tables]})


def plain_table(table: Table) -> dict[str, Any]:
    """A table's text: `title`, `caption`, `columns` and `rows`."""
    cells = [list(map(str, column.cells)) for column in table.columns]
    return {
        "title": str(table.title or ""),
        "caption": str(table.caption or ""),
        "columns": [str(column.header) for column in table.columns],
        "rows": [list(row) for row in zip(*cells, strict=True)],
    }
