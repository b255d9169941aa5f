"""What studies that rehearse or train share: a run's checkpoints, and a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

import models


def kept_checkpoints(run: Path, most: int) -> list[Path]:
    """Checkpoints that a run kept, in order: the last, and at most so many evenly spaced."""
    files = sorted(
        file for file in (run / models.CHECKPOINTS).glob("*.ckpt") if models.iteration_of(file)
    )
    chosen = np.linspace(0, len(files) - 1, min(most, len(files))).round().astype(int)
    return [files[index] for index in chosen] if most > 1 else files[-1:]


@contextmanager
def progress_bar(total: int) -> Iterator[Progress]:
    """A bar on a terminal's standard error, gone at the end; `progress.advance(0)` moves it on."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task("", total=total)
        yield progress
