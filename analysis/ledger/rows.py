"""Read and write `results.csv`, which has each number of the pages with its interval and origin."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

from chisel.analysis.results import Estimate, write_csv
from chisel.configs import ConfigError

Rows = Mapping[tuple[str, str], "Row"]
"""Rows by page and address."""


@dataclass(frozen=True)
class Row:
    """One number of a page."""

    page: str
    id: str
    """Address of the number."""
    value: str
    low: str
    """Ends of the 95 % interval; empty if there is none."""
    high: str
    n: str
    unit: str
    """Name of the units that n counts."""
    command: str
    """Command that measured it."""
    commit: str
    machine: str
    date: str

    @property
    def number(self) -> Estimate:
        """The number with its interval."""
        low, high = (float(end) if end else math.nan for end in (self.low, self.high))
        return Estimate(float(self.value), low, high, int(self.n or 0))


def row_of(number: Estimate, **about: str) -> Row:
    """Return the row of a number, with enough digits that it is rounded only once.

    Args:
        number: The number.
        about: Values of all other columns.
    """
    low, high = ("" if math.isnan(end) else f"{end:.12g}" for end in (number.low, number.high))
    return Row(value=f"{number.value:.12g}", low=low, high=high, n=str(number.n or ""), **about)


def read_rows(file: Path) -> dict[tuple[str, str], Row]:
    """Read all rows, by page and address; return none if there is no file.

    Raises:
        ConfigError: If the file has other columns, or has a number twice.
    """
    if not file.is_file():
        return {}
    columns = [one.name for one in fields(Row)]
    found: dict[tuple[str, str], Row] = {}
    with file.open(encoding="utf-8", newline="") as text:
        reader = csv.DictReader(text)
        if reader.fieldnames != columns:
            raise ConfigError(f"{file} must have the columns {','.join(columns)}")
        for cells in reader:
            row = Row(**cells)
            if (row.page, row.id) in found:
                raise ConfigError(f"{file}, line {reader.line_num}: {row.page}, {row.id} again")
            try:
                _ = row.number
            except ValueError as error:
                raise ConfigError(f"{file}, line {reader.line_num}: {error}") from error
            found[row.page, row.id] = row
    return found


def write_rows(file: Path, rows: Rows) -> Path:
    """Write rows to a file, in their order."""
    columns = [one.name for one in fields(Row)]
    return write_csv(file, pd.DataFrame([asdict(row) for row in rows.values()], columns=columns))
