"""The result of a study: numbers, tables and figures, which the harness writes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pandas.api.types import infer_dtype
from rich.table import Table

from chisel.analysis.results.estimates import Estimate, number_text
from chisel.analysis.results.tables import new_table


@dataclass(frozen=True)
class DataTable:
    """A table of results, with one row for each thing that was measured.

    A cell is text, a number, an `Estimate`, or `None` if there is nothing to show.
    """

    title: str
    rows: Sequence[Mapping[str, Any]]
    """Cells of each row, by heading; a row may lack some headings."""
    caption: str = ""
    form: str | Mapping[str, str] = ".2f"
    """Format of numbers and estimates, or formats by heading; others have `.2f`."""
    key: Sequence[str] = ()
    """Headings whose texts identify a row, so that rows of several seeds can be joined; empty takes
    all headings with texts."""
    spread: str = ""
    """Last sentence of the caption, about the intervals, like `95 % intervals over mazes`."""
    words: Mapping[str, str] = field(default_factory=dict)
    """Texts that are printed in place of the cells' own; files keep the cells' own."""

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a frame; an estimate has additional columns for `low`, `high` and `n`.

        Whole numbers stay whole even if some rows lack them.
        """
        rows = [_wide(row) for row in self.rows]
        frame = pd.DataFrame(rows)
        gaps = [str(name) for name in frame if frame[name].hasnans]
        kinds = {name: infer_dtype([row.get(name) for row in rows]) for name in gaps}
        return frame.astype({name: "Int64" for name in gaps if kinds[name] == "integer"})

    @property
    def headings(self) -> list[str]:
        """Headings in the order in which they first occur in a row."""
        return list(dict.fromkeys(heading for row in self.rows for heading in row))

    def table(self) -> Table:
        """Return a table for a terminal; texts are aligned left, numbers right."""
        headings = self.headings
        columns = {name: [row.get(name) for row in self.rows] for name in headings}
        words = [name for name in headings if any(isinstance(one, str) for one in columns[name])]
        table = new_table(self.title, "; ".join(filter(None, (self.caption, self.spread))) or None)
        for name in headings:
            table.add_column(name, justify="left" if name in words else "right")
        for row in self.rows:
            table.add_row(*(self._text(name, row.get(name)) for name in headings))
        return table

    def _text(self, heading: str, cell: Any) -> str:
        form = self.form if isinstance(self.form, str) else self.form.get(heading, ".2f")
        value = cell.value if isinstance(cell, Estimate) else cell
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return "-"
        if isinstance(value, float) and math.isinf(value):
            return "∞" if value > 0 else "-∞"
        if isinstance(cell, Estimate):
            return cell.text(form)
        if isinstance(cell, bool | np.bool_):
            return "yes" if cell else "no"
        if isinstance(cell, int | np.integer):
            return f"{cell:,}"
        return self.words.get(cell, cell) if isinstance(cell, str) else number_text(cell, form)


@dataclass(frozen=True)
class Result:
    """The result of a study. The harness writes it into one folder and prints the tables."""

    data: Mapping[str, Any] = field(default_factory=dict)
    """Numbers for `STUDY.json`: any values that `plain` takes."""
    tables: Mapping[str, DataTable] = field(default_factory=dict)
    """Tables by the name of their CSV file, without its ending; printed in this order."""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """Figures by the name of their file, without its ending."""
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Longer tables by the name of their CSV file, such as one row for each episode."""
    files: Mapping[str, Callable[[Path], object]] = field(default_factory=dict)
    """Functions that write files of other kinds, such as a film, by the name of the file."""
    conclusion: str = ""
    """A sentence that is printed at the end."""
    failure: str = ""
    """One line about a test of the study that failed. Everything is written and printed; then the
    command prints this line and ends with exit code 5."""

    def with_seeds(self, of_each: Mapping[str, Result]) -> Result:
        """Return this result of several seeds together, with the result of each seed added.

        Names of a seed's tables, figures and files begin with the name of its run. Its numbers are
        listed under `of_each`. Frames are joined, with a column `run`.

        Args:
            of_each: Results by the name of the seed's run.
        """
        tables, figures, files = dict(self.tables), dict(self.figures), dict(self.files)
        frames: dict[str, list[pd.DataFrame]] = {}
        for run, one in of_each.items():
            for name, table in one.tables.items():
                tables[f"{run}-{name}"] = replace(table, title=f"{run}: {table.title}")
            figures |= {f"{run}-{name}": figure for name, figure in one.figures.items()}
            files |= {f"{run}-{name}": write for name, write in one.files.items()}
            for name, frame in one.frames.items():
                frames.setdefault(name, []).append(frame.assign(run=run))
        said = {run: one.conclusion for run, one in of_each.items() if one.conclusion}
        return Result(
            data={
                **self.data,
                "of_each": [{"run": run, **one.data} for run, one in of_each.items()],
            },
            tables=tables,
            figures=figures,
            frames={**self.frames}
            | {name: pd.concat(some, ignore_index=True) for name, some in frames.items()},
            files=files,
            conclusion="\n".join(
                [*filter(None, [self.conclusion]), *(f"{run}: {one}" for run, one in said.items())]
            ),
            failure="; ".join(
                f"{run}: {one.failure}" for run, one in of_each.items() if one.failure
            ),
        )


def _wide(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row in which an estimate is divided into its value, its ends and n."""
    wide: dict[str, Any] = {}
    for name, cell in row.items():
        if isinstance(cell, Estimate):
            ends = {f"{name} low": cell.low, f"{name} high": cell.high, f"{name} n": cell.n}
            wide |= {name: cell.value} | ends
        else:
            wide[name] = cell
    return wide
