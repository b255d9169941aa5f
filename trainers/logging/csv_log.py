"""Write a row of metrics per iteration to a CSV file that survives kills and resumes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chisel import models

FIRST_COLUMNS = ("iteration", "env_steps")


class CsvLog:
    """Appends rows to a CSV file, each in one write.

    Opening changes nothing. `truncate`, or the first new row, removes the rows that a resumed run
    is going to repeat, and an incomplete row that a kill left. New metrics become new columns at
    the end; missing metrics leave their cells empty.

    Args:
        path: The file, which is made with the first row.
        last_iteration: Iteration after which the run goes on; later rows are removed. 0 for a new
            run.
    """

    def __init__(self, path: Path, *, last_iteration: int) -> None:
        self.path = path
        header, rows = _read(path)
        self.reached = max((int(row["iteration"]) for row in rows), default=0)
        """Last iteration in the file when it was opened; 0 if there was none."""
        self._columns = header or list(FIRST_COLUMNS)
        self._last, self._open = last_iteration, False

    def truncate(self) -> None:
        """Remove the rows that a resumed run is going to repeat; later calls do nothing."""
        if not self._open and self.path.exists():
            rows = _read(self.path)[1]
            self._rewrite([row for row in rows if int(row["iteration"]) <= self._last])
        self._open = True

    def rows(self) -> list[dict[str, float]]:
        """Return the rows of the file as metrics by name, without empty cells."""
        read = _read(self.path)[1]
        return [{name: float(cell) for name, cell in row.items() if cell} for row in read]

    def write(self, metrics: Mapping[str, float], iteration: int, env_steps: int) -> None:
        """Append a row, and hand it to the operating system before returning.

        Args:
            metrics: Numbers by name.
            iteration: Iteration of the row.
            env_steps: Environment steps, or examples, so far.
        """
        row = {"iteration": iteration, "env_steps": env_steps, **metrics}
        new = [name for name in row if name not in self._columns]
        self.truncate()
        if new or not self.path.exists():
            self._columns += new
            self._rewrite(_read(self.path)[1])
        with self.path.open("ab", buffering=0) as file:
            file.write(self._encode([row]))

    def _encode(self, rows: list[dict[str, Any]]) -> bytes:
        text = io.StringIO()
        csv.DictWriter(text, self._columns, restval="", lineterminator="\n").writerows(rows)
        return text.getvalue().encode()

    def _rewrite(self, rows: list[dict[str, Any]]) -> None:
        header = self._encode([{name: name for name in self._columns}])
        models.write_atomically(self.path, header + self._encode(rows))


def _read(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """Read the header and the complete rows of a file; both are empty if there is none."""
    if not path.exists():
        return [], []
    lines = path.read_text(errors="replace").splitlines(keepends=True)
    reader = csv.reader(line for line in lines if line.endswith("\n"))
    header = next(reader, [])
    complete = [dict(zip(header, row, strict=True)) for row in reader if len(row) == len(header)]
    return header, [row for row in complete if all(row[name].isdigit() for name in FIRST_COLUMNS)]
