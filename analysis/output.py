"""Where results go, and what they say about where they come from."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

import configs
from analysis.disk import check_folder, refused, write_file
from analysis.settings import runs_of
from analysis.tables import show as show  # studies take it from here, with the files they write
from configs import RunConfig
from models import CHECKPOINTS, Agent

TABLES = "tables.json"
"""The file in a study's folder that holds its tables."""


def study_folder(agent: Agent, study: str, out: Path | str | None) -> Path:
    """The folder of a study's results, made if need be.

    `out` if given; else `studies/<study>` of the run the agent comes from; for agents that come
    from no run, `studies/<study>` of the current folder.

    Raises:
        ConfigError: If it cannot be made.
    """
    if out is not None:
        folder = Path(out)
    elif agent.source.parent.name == CHECKPOINTS:
        folder = agent.source.parent.parent / "studies" / study
    else:
        folder = Path("studies") / study
    return make_folder(folder)


def results_folder(
    checkpoint: Path | str, agent: Agent, study: str, out: Path | str | None
) -> Path:
    """Where a study's results go: `out`, or `studies/STUDY` of the run, or of the group.

    Raises:
        ConfigError: It cannot be made.
    """
    several = runs_of(checkpoint) != [Path(checkpoint)]
    target = Path(checkpoint) / "studies" / study if several and out is None else out
    return study_folder(agent, study, target)


def make_folder(folder: Path) -> Path:
    """The folder, made if need be, in which files can be written.

    Raises:
        ConfigError: If it cannot be made or written in.
    """
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
    """What to type to get the same result; options that are None are left out."""
    given = {"checkpoint": checkpoint, **options}
    settings = [f"{key}={_typed(value)}" for key, value in given.items() if value is not None]
    return shlex.join(["chisel", "study", study, *settings])


def _typed(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


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
