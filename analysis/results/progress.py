"""Show progress bars in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TaskID

T = TypeVar("T")

ProgressCallback = Callable[[str, int, int], None]
"""Function that is called with a label, the amount done and the amount wanted."""


@contextmanager
def progress_bars() -> Iterator[ProgressCallback]:
    """Show a bar for each label on standard error, if that is a terminal; remove them at the end.

    Nothing is drawn before the first label, so that a training within the context can use the
    terminal for its own bar.

    Yields:
        The function to call.
    """
    console = Console(stderr=True)
    tasks: dict[str, TaskID] = {}
    bars = Progress(console=console, transient=True, disable=not console.is_terminal)

    def show(label: str, done: int, wanted: int) -> None:
        bars.start()
        if label not in tasks:
            tasks[label] = bars.add_task(escape(label), total=wanted)
        bars.update(tasks[label], completed=done, total=wanted)

    try:
        yield show
    finally:
        bars.stop()


def labelled(progress: ProgressCallback, prefix: str) -> ProgressCallback:
    """Return a callback that puts a prefix before every label, such as the name of a seed.

    An empty prefix changes nothing.
    """
    if not prefix:
        return progress
    return lambda label, done, wanted: progress(f"{prefix}: {label}", done, wanted)


def counted(items: Sequence[T], label: str, progress: ProgressCallback) -> Iterator[T]:
    """Iterate over items, and show under a label the number of those that are done."""
    for done, item in enumerate(items):
        progress(label, done, len(items))
        yield item
    progress(label, len(items), len(items))
