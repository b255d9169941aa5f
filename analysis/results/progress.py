"""Progress bars in a terminal, for analyses that say how far they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TaskID

ProgressCallback = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much is wanted."""


@contextmanager
def progress_bars() -> Iterator[ProgressCallback]:
    """Bars on a terminal's standard error, one for each label, gone at the end.

    Yields:
        A function of a label, what is done and what is wanted.
    """
    console = Console(stderr=True)
    tasks: dict[str, TaskID] = {}
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:

        def show(label: str, done: int, wanted: int) -> None:
            if label not in tasks:
                tasks[label] = progress.add_task(escape(label), total=wanted)
            progress.update(tasks[label], completed=done, total=wanted)

        yield show


def labelled(progress: ProgressCallback, prefix: str) -> ProgressCallback:
    """The same with a prefix before every label, such as the seed's name; none if it is empty."""
    if not prefix:
        return progress
    return lambda label, done, wanted: progress(f"{prefix}: {label}", done, wanted)
