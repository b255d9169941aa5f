"""Tables and progress bars in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

WIDTH_OF_FILES = 140
"""Columns when standard output is no terminal and has no width of its own."""


def print_table(table: Table) -> None:
    """Print a table to standard output."""
    Console(width=None if sys.stdout.isatty() else WIDTH_OF_FILES).print(table)


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Bars on a terminal's standard error, one for each label, gone at the end.

    Yields:
        A function of a label, what is done and what is wanted.
    """
    console = Console(stderr=True)
    tasks: dict[str, TaskID] = {}
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:

        def show(label: str, done: int, wanted: int) -> None:
            if label not in tasks:
                tasks[label] = progress.add_task(label, total=wanted)
            progress.update(tasks[label], completed=done)

        yield show
