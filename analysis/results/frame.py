"""Tables of data: named columns of one length, for Python, CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.analysis.results.files import write_file


@dataclass(frozen=True)
class Frame:
    """Columns by name, each `[E]`. `pandas.DataFrame(frame.columns)` makes a data frame of it."""

    columns: Mapping[str, NDArray[Any]]

    def __post_init__(self) -> None:
        """Check that the columns are of one length.

        Raises:
            ValueError: If they are not.
        """
        shapes = {column.shape for column in self.columns.values()}
        if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes):
            raise ValueError(f"columns must be one-dimensional and of one length, not {shapes}")

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, Any]]) -> Frame:
        """Build a table of rows that all have the names of the first one."""
        return cls({name: np.array([row[name] for row in rows]) for name in rows[0]})

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return a column `[E]`."""
        return self.columns[name]

    def where(self, chosen: NDArray[np.bool_]) -> Frame:
        """Return the rows for which `chosen` `[E]` is true."""
        return Frame({name: column[chosen] for name, column in self.columns.items()})

    def matrix(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return some columns side by side, `[E, K]`."""
        return np.column_stack([self.columns[name].astype(np.float64) for name in names])

    def to_plain(self) -> dict[str, list[Any]]:
        """Return a list for each column, for JSON."""
        return {name: column.tolist() for name, column in self.columns.items()}

    def write_csv(self, path: Path) -> Path:
        """Write one line for each row, under the columns' names.

        Raises:
            CheckpointError: If the disk refuses.
        """
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(self.columns)
        columns = [column.tolist() for column in self.columns.values()]
        writer.writerows(zip(*columns, strict=True))
        return write_file(path, text.getvalue().encode())
