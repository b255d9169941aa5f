"""The runs of a grid as launchers see them: what to start, and how it ended."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chisel.configs import RunConfig, Stopped

LOG_FILE = "train.log"
"""File in a run's folder with what its process printed, where that has no terminal."""
_INTERRUPTED = 130


@dataclass(frozen=True, eq=False)
class Member:
    """One run of a grid."""

    name: str
    """Its folder in the grid's, like `learning_rate=0.001/seed-0`."""
    folder: Path
    config: RunConfig
    """What it trains with from now on."""
    settings: tuple[str, ...] = ()
    """Settings with which it is resumed; what all runs share is in the grid's plan."""

    @property
    def command(self) -> list[str]:
        """The command that trains it, or goes on with it, in a process of its own.

        It ends when the process that started it ends, saves a checkpoint on SIGTERM, and has the
        exit codes of `chisel`.
        """
        program = [sys.executable, "-P", "-m", "chisel.cli.member"]
        return [*program, str(self.folder), *self.settings]

    @property
    def log(self) -> Path:
        """Where a launcher writes what the command prints."""
        return self.folder / LOG_FILE


@dataclass(frozen=True)
class Outcome:
    """How the process of a run ended."""

    code: int
    """Exit code; -N if signal N ended it."""
    message: str
    """Its last line; empty if all went well."""
    log: Path | None = None
    """What it printed; `None` if that is on the screen."""

    @property
    def stopped(self) -> bool:
        """Whether somebody ended it, so that it goes on when it is resumed."""
        return self.code in (Stopped.exit_code, _INTERRUPTED, -signal.SIGTERM, -signal.SIGINT)

    @property
    def failed(self) -> bool:
        """Whether it ended by a fault."""
        return self.code != 0 and not self.stopped


class Launcher(Protocol):
    """Trains runs in processes elsewhere."""

    def __call__(self, members: Sequence[Member]) -> Iterator[tuple[Member, Outcome | None]]:
        """Train runs; the order in which they end is free.

        Their folders exist and are locked by the processes that train in them. A launcher that is
        told to end, by a signal for example, ends its processes so that they save checkpoints,
        yields their outcomes, starts no others and returns.

        Args:
            members: The runs that are not finished.

        Yields:
            A run and `None` when it starts, a run and its outcome when it has ended.
        """


def outcome_of(member: Member, code: int) -> Outcome:
    """Return the outcome of a process that has ended and wrote to the run's log."""
    if code == 0:
        return Outcome(0, "", member.log)
    try:
        lines = member.log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        lines = []
    said = next((line for line in reversed(lines) if line.strip()), "").strip()
    if code < 0:
        said = f"ended by {signal.Signals(-code).name}"
    return Outcome(code, said.removeprefix("chisel: "), member.log)
