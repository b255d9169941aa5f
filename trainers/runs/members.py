"""The runs of a grid as launchers see them: a command, and an outcome."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from chisel.configs import RunConfig, Stopped

LOG_FILE = "train.log"
"""File in a run's folder with the output of its process, if that has no terminal."""
_INTERRUPTED = 130


@dataclass(frozen=True, eq=False)
class Member:
    """One run of a grid."""

    name: str
    """Its folder in the grid's folder, such as `learning_rate=0.001/seed-0`."""
    folder: Path
    config: RunConfig
    """Config that it trains with from now on."""
    settings: tuple[str, ...] = ()
    """Settings with which it is resumed; those for all runs are in the grid's plan."""

    @property
    def command(self) -> list[str]:
        """Command that trains the run, or goes on with it, in a separate process.

        The process ends when the process that started it ends, saves a checkpoint on SIGTERM, and
        has the exit codes of `chisel`.
        """
        program = [sys.executable, "-P", "-m", "chisel.cli.member"]
        return [*program, str(self.folder), *self.settings]

    @property
    def log(self) -> Path:
        """File for the output of the command."""
        return self.folder / LOG_FILE


@dataclass(frozen=True)
class Outcome:
    """The way in which the process of a run ended."""

    code: int
    """Exit code; -N if signal N ended it."""
    message: str
    """Last line of its output; empty if it succeeded."""
    log: Path | None = None
    """File with its output; `None` if that was printed on the screen."""

    @property
    def stopped(self) -> bool:
        """Whether a signal ended it, so that it can be resumed."""
        return self.code in (Stopped.exit_code, _INTERRUPTED, -signal.SIGTERM, -signal.SIGINT)

    @property
    def failed(self) -> bool:
        """Whether an error ended it."""
        return self.code != 0 and not self.stopped


class Launcher(Protocol):
    """Trains runs in other processes."""

    def __call__(self, members: Sequence[Member]) -> Iterator[tuple[Member, Outcome | None]]:
        """Train runs, which may end in any order.

        Their folders exist, and the processes that train in them lock them. If a launcher is told
        to end, for example by a signal, it lets its processes save checkpoints and end, yields
        their outcomes, starts no others, and returns.

        Args:
            members: The runs that are not finished.

        Yields:
            A run and `None` when it starts; a run and its outcome when it has ended.
        """


def outcome_of(member: Member, code: int) -> Outcome:
    """Return the outcome of a process that ended with an exit code and wrote to the run's log."""
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
