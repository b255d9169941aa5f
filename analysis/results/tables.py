"""Print tables in a terminal, and store their text for a report."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from chisel.analysis.results.files import TABLES, write_json

_WIDTH_OF_FILES = 140
"""Width in characters if standard output is no terminal."""
_WORD = 30
"""Number of characters up to which a word is not folded; paths are longer."""
_CELL = 36
"""Number of characters up to which a cell of numbers is not folded."""
_NUMBER = re.compile(r"[^\s\w]*\d[\d.,:%+-]*(?:e[+-]?\d+)?[^\s\w]*")


def new_table(
    title: str | None = None,
    caption: str | None = None,
    *,
    words: Sequence[str] = (),
    numbers: Sequence[str] = (),
) -> Table:
    """Return a table without frame lines, and as yet without rows.

    Args:
        title: Text above the table, in bold, on the left.
        caption: Text below the table, on the left.
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
    """Print a table completely; no text in it is markup.

    If the table is too wide, words are folded, but no numbers. If that is not enough, the table is
    divided into blocks below each other, each of which repeats the first columns.

    Args:
        table: Any table.
        console: Console to print to, which may be widened for a column that does not fit. `None` is
            standard output, whose width is `_WIDTH_OF_FILES` if it is no terminal.
    """
    if console is None:
        has_width = Console().is_terminal or "COLUMNS" in os.environ
        console = Console(
            markup=False,
            emoji=False,
            highlight=False,
            width=None if has_width else _WIDTH_OF_FILES,
        )
    for column in table.columns:
        column.overflow = "fold"
        column.min_width = _least_width(column)
    if table.title:
        console.print(Text(str(table.title), "bold"))
    for numbers in _blocks(table.columns, console.width):
        part = _part(table, numbers)
        console.width = max(console.width, _width(part.columns))
        console.print(part, crop=False)
    if table.caption:
        console.print(Text(str(table.caption), "italic"))


def _blocks(columns: Sequence[Column], width: int) -> list[list[int]]:
    """Divide columns into blocks that fit into a width if possible; return the columns' numbers.

    All blocks begin with the first columns, up to one that is aligned right, since these identify
    the rows.
    """
    rights = [number for number, one in enumerate(columns) if one.justify == "right"]
    first = list(range(rights[0] if rights else 1))
    blocks = [first]
    for number in range(len(first), len(columns)):
        wider = [*blocks[-1], number]
        if len(blocks[-1]) > len(first) and _width([columns[n] for n in wider]) > width:
            blocks.append([*first, number])
        else:
            blocks[-1] = wider
    return blocks


def _part(table: Table, numbers: Sequence[int]) -> Table:
    """Return some columns of a table, without title and caption."""
    columns = [table.columns[number] for number in numbers]
    part = Table(box=None, show_header=any(str(one.header) for one in columns))
    for one in columns:
        part.add_column(
            one.header, justify=one.justify, overflow=one.overflow, min_width=one.min_width
        )
    for row in zip(*(one.cells for one in columns), strict=True):
        part.add_row(*row)
    return part


def _width(columns: Sequence[Column]) -> int:
    return sum((one.min_width or 0) + 2 for one in columns)


def keep_tables(folder: Path, tables: Sequence[Table]) -> Path:
    """Print tables, and write their text to `tables.json`, from which the report reads it."""
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
    """Return the width below which a column is not folded.

    It is the width of the longest cell with numbers (and an interval), or of the longest word or
    number in other cells.
    """
    cells = [str(cell) for cell in column.cells]
    numbers = cells if column.justify == "right" else []
    words = [word for cell in (column.header, *cells) for word in str(cell).split()]
    folded = (len(w) if _NUMBER.fullmatch(w) else min(len(w), _WORD) for w in words)
    return max((*folded, *(len(one) for one in numbers if len(one) <= _CELL)), default=1)
