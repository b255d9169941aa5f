"""How tables look in a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rich.console import Console
from rich.table import Column, Table

_WIDTH_OF_FILES = 140
"""Columns when standard output is no terminal and has no width of its own."""
_WORD = 12
"""Characters of a word that is folded late; paths are longer."""
_NUMBER = re.compile(r"[^\s\w]*\d[\d.,:%+-]*(?:e[+-]?\d+)?[^\s\w]*")


def new_table(
    title: str | None = None,
    caption: str | None = None,
    *,
    left: Iterable[str] = (),
    right: Iterable[str] = (),
) -> Table:
    """Return a table without rows and lines, its title in bold above it, its caption below.

    Args:
        title: On the left above the table.
        caption: On the left below it.
        left: Heads of the first columns, whose cells are set flush left.
        right: Heads of the columns after these, whose cells are set flush right.
    """
    table = Table(
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        box=None,
    )
    for head in left:
        table.add_column(head)
    for head in right:
        table.add_column(head, justify="right")
    return table


def show(table: Table, console: Console | None = None) -> None:
    """Print a table as it is: no text in it is markup, and nothing is left out.

    Where it is too wide words are folded, but no number: a line then runs over the edge.

    Args:
        table: Any table.
        console: Where to; it may be widened. None is standard output.
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


def _least_width(column: Column) -> int:
    """Characters of a column's longest number, with the brackets about it, and of usual words."""
    words = [word for cell in (column.header, *column.cells) for word in str(cell).split()]
    return max((len(w) if _NUMBER.fullmatch(w) else min(len(w), _WORD) for w in words), default=1)
