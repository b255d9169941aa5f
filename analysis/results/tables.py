"""Tables for a terminal, and the same as plain text for a report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from chisel.analysis.results.files import TABLES, write_json

_WIDTH_OF_FILES = 140
"""Columns when standard output is no terminal and has no width of its own."""
_WORD = 12
"""Number of characters up to which a word is not folded; paths are longer."""
_NUMBER = re.compile(r"[^\s\w]*\d[\d.,:%+-]*(?:e[+-]?\d+)?[^\s\w]*")


def new_table(
    title: str | None = None,
    caption: str | None = None,
    *,
    words: Sequence[str] = (),
    numbers: Sequence[str] = (),
) -> Table:
    """Return a table without lines and rows.

    Args:
        title: Text above, in bold, on the left.
        caption: Text below, on the left.
        words: Headings of the first columns, which are aligned left.
        numbers: Headings of the columns after them, which are aligned right.
    """
    table = Table(
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        box=None,
    )
    for heading in words:
        table.add_column(heading)
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def show(table: Table, console: Console | None = None) -> None:
    """Print a table as it is: no text in it is markup, and nothing is left out.

    Where the table is too wide, words are folded, but no number: a line then runs over the edge.

    Args:
        table: Any table.
        console: Console to print to, which may be widened. `None` is standard output.
    """
    if console is None:
        width = None if Console().is_terminal else _WIDTH_OF_FILES
        console = Console(markup=False, emoji=False, highlight=False, width=width)
    for column in table.columns:
        column.overflow = "fold"
        column.min_width = _least_width(column)
    least = sum((column.min_width or 0) + 1 for column in table.columns)
    console.width = max(console.width, least)
    console.print(table, crop=False)


def keep_tables(folder: Path, tables: Sequence[Table]) -> Path:
    """Print tables, and write their text to `tables.json`, where the report finds it."""
    for table in tables:
        show(table)
    return write_json(folder / TABLES, {"tables": [plain_table(table) for table in tables]})


def plain_table(table: Table) -> dict[str, Any]:
    """Return a table's text: `title`, `caption`, `columns` and `rows`."""
    cells = [list(map(str, column.cells)) for column in table.columns]
    return {
        "title": str(table.title or ""),
        "caption": str(table.caption or ""),
        "columns": [str(column.header) for column in table.columns],
        "rows": [list(row) for row in zip(*cells, strict=True)],
    }


def _least_width(column: Column) -> int:
    """Return the width of a column's longest number, with brackets around it, and usual words."""
    words = [word for cell in (column.header, *column.cells) for word in str(cell).split()]
    return max((len(w) if _NUMBER.fullmatch(w) else min(len(w), _WORD) for w in words), default=1)
