"""Show the progress of a grid whose runs train in other processes: a table, or lines in a log."""

from __future__ import annotations

import csv
import math
import os
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from chisel.analysis.results import new_table
from chisel.trainers.logging.progress import metrics_shown, number_text, short_count
from chisel.trainers.runs.members import Member, Outcome

_STATES = {
    "running": "cyan",
    "failed": "red",
    "stopped": "yellow",
    "waiting": "dim",
    "done": "green",
}
"""States of a run with their colours; if not all rows fit, those of the first states are shown."""
_ROOM = 6
"""Number of lines of a terminal that are left free of rows."""
_TAIL = 1 << 15
"""Number of bytes at the end of a log that are read for its last row."""


class GridProgress:
    """Shows state, frames, speed and newest return of every run of a grid.

    Args:
        members: All runs.
        waiting: Runs that are not finished.
        console: Console to draw on; `None` is standard error.
    """

    def __init__(
        self,
        members: Sequence[Member],
        waiting: Collection[Member],
        console: Console | None = None,
    ) -> None:
        self.console = console or Console(stderr=True)
        self.states = {one: "waiting" if one in waiting else "done" for one in members}
        self._live = Live(
            get_renderable=self._table, console=self.console, refresh_per_second=1, transient=True
        )

    def __enter__(self) -> GridProgress:
        if self.console.is_terminal:
            self._live.start()
        else:
            self._print(self._counts())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()
        if self.console.is_terminal:
            self.console.print(self._table())

    def update(self, member: Member, outcome: Outcome | None) -> None:
        """Note that a run has started, or how it ended."""
        ended = "done" if outcome and outcome.code == 0 else "stopped"
        state = "running" if outcome is None else "failed" if outcome.failed else ended
        self.states[member] = state
        if not self.console.is_terminal:
            facts = "" if outcome is None else _line(member)
            self._print(f"{member.name} {state}{facts}  ({self._counts()})")

    def _table(self) -> Group:
        order = list(_STATES)
        rows = sorted(self.states.items(), key=lambda one: order.index(one[1]))
        shown = max(self.console.height - _ROOM, 1)
        if len(rows) <= shown:
            rows = list(self.states.items())
        words = [word for word, _, _ in metrics_shown(rows[0][0].config)]
        table = new_table(words=["run", "state"], numbers=["frames", "frames/s", *words])
        for member, state in rows[:shown]:
            table.add_row(member.name, Text(state, _STATES[state]), *_facts(member))
        hidden = len(rows) - shown
        more = f"; {hidden} not shown" if hidden > 0 else ""
        return Group(table, Text(self._counts() + more, "dim"))

    def _counts(self) -> str:
        found = Counter(self.states.values())
        counts = ", ".join(f"{found[state]} {state}" for state in _STATES if found[state])
        return f"{len(self.states)} runs: {counts}"

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _line(member: Member) -> str:
    """Return frames, speed and newest metrics of a run in words, for a line in a log."""
    frames, speed, *values = _facts(member)
    words = [word for word, _, _ in metrics_shown(member.config)]
    news = [f"{word} {value}" for word, value in zip(words, values, strict=True)]
    return "  ".join(["", f"{frames} frames", *news, f"{speed} frames/s"])


def _facts(member: Member) -> list[str]:
    """Return frames, speed and newest metrics of a run as texts, read from its log."""
    row = _last_row(member.folder / "metrics.csv")
    done = short_count(row.get("env_steps", 0))
    metrics = metrics_shown(member.config)
    return [
        f"{done}/{short_count(member.config.frames)}",
        number_text(row.get("charts/SPS", math.nan), ",.0f"),
        *(number_text(row.get(key, math.nan), form) for _, key, form in metrics),
    ]


def _last_row(path: Path) -> dict[str, float]:
    """Return the last complete row of a log that another process writes; `{}` if there is none."""
    try:
        with path.open("rb") as file:
            header = file.readline()
            start = max(file.seek(0, os.SEEK_END) - _TAIL, len(header))
            file.seek(start)
            rows = file.read().rpartition(b"\n")[0].splitlines()
    except OSError:
        return {}
    if not rows:
        return {}
    names, values = csv.reader([header.decode(), rows[-1].decode()])
    return {name: float(value) for name, value in zip(names, values, strict=False) if value}
