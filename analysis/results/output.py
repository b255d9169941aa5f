"""Where results go, and what they say about where they come from."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from chisel import configs
from chisel.analysis.results.disk import check_folder, refused, write_file
from chisel.analysis.results.folders import home_of, joined
from chisel.analysis.results.settings import runs_of
from chisel.analysis.results.tables import (
    show as show,  # studies take it from here, with the files they write
)
from chisel.configs import ConfigError, RunConfig
from chisel.models import CHECKPOINTS, WEIGHTS, Agent

TABLES = "tables.json"
"""The file in a study's folder that holds its tables."""


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
    """The folder, made if need be, in which files can be written.

    Raises:
        ConfigError: If it cannot be made or written in.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused(folder, error) from error
    check_folder(folder)
    return folder


def check_writable(checkpoint: Path | str | None, out: Path | str | None) -> None:
    """See whether a study's results can be written, before it works for an hour.

    Args:
        checkpoint: What is studied, if anything is.
        out: Where results are wanted; None is `studies/` of the run, or of the current folder.

    Raises:
        ConfigError: If they can't.
    """
    path = Path() if checkpoint is None else Path(checkpoint)
    if path.is_file() and path.parent.name == CHECKPOINTS:
        path = path.parent.parent
    in_run = (path / CHECKPOINTS).is_dir() or runs_of(path) != [path]
    check_folder(Path(out) if out is not None else (path if in_run else Path()) / "studies")


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
    """Write plain values; a nan is a mistake here, not a value.

    Raises:
        CheckpointError: If the disk refuses.
    """
    return write_file(path, (json.dumps(data, indent=1, allow_nan=False) + "\n").encode())


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
