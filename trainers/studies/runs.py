"""What studies that rehearse or train share: runs of a group, folders, the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import analysis
import models
from models import Agent

_WIDTH_OF_FILES = 140
"""Columns when standard output is no terminal and has no width of its own."""


def runs_of(checkpoint: Path | str) -> list[Path]:
    """The runs of a group of seeds, by seed; or what was given alone."""
    path = Path(checkpoint)
    if (path / models.CHECKPOINTS).is_dir():
        return [path]
    seeds = [one for one in path.glob("seed-*") if (one / models.CHECKPOINTS).is_dir()]
    return sorted(seeds, key=lambda one: (len(one.name), one.name)) or [path]


def results_folder(
    checkpoint: Path | str, agent: Agent, study: str, out: Path | str | None
) -> Path:
    """Where a study's results go: `out`, or `studies/STUDY` of the run, or of the group.

    Raises:
        ConfigError: It cannot be made.
    """
    several = runs_of(checkpoint) != [Path(checkpoint)]
    target = Path(checkpoint) / "studies" / study if several and out is None else out
    return analysis.study_folder(agent, study, target)


def kept_checkpoints(run: Path, most: int) -> list[Path]:
    """Checkpoints that a run kept, in order: the last, and at most so many evenly spaced."""
    files = sorted(
        file for file in (run / models.CHECKPOINTS).glob("*.ckpt") if models.iteration_of(file)
    )
    chosen = np.linspace(0, len(files) - 1, min(most, len(files))).round().astype(int)
    return [files[index] for index in chosen] if most > 1 else files[-1:]


def show(table: Table) -> None:
    """Print a table to standard output."""
    console = Console()
    (console if console.is_terminal else Console(width=_WIDTH_OF_FILES)).print(table)


@contextmanager
def progress_bar(total: int) -> Iterator[Progress]:
    """A bar on a terminal's standard error, gone at the end; `progress.advance(0)` moves it on."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task("", total=total)
        yield progress
