"""Fill the tables of a page, which its YAML describes, with numbers.

In `rows`, a table in Markdown, `{ADDRESS as FORM}` is a number. In its address `^` stands for the
heading of the column and `<` for the first cell of the row, without asterisks, quotation marks and
backticks. A cell `"` repeats the cell to its left.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from chisel.analysis.ledger.numbers import SEPARATOR, number_text
from chisel.analysis.results import Estimate
from chisel.configs import ConfigError, Page, PageTable, hint

_PLACE = re.compile(r"\{([^{}]*)\}")
_FORMED = re.compile(r"(.*) as ([^/]*|0/0.*)")
_MARKED = re.compile(r"(<!-- results: (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_LINE = frozenset("|-: ")
_SAME, _MARKS = '"', "*“”`"


class Place(NamedTuple):
    """A place for a number in a table."""

    address: str
    form: str

    def text(self, number: Estimate) -> str:
        """Return the number as this place prints it."""
        return number_text(number, self.form)


def places(table: PageTable) -> list[Place]:
    """Return the places for numbers, row by row."""
    found: list[Place] = []

    def note(place: Place) -> str:
        found.append(place)
        return ""

    _filled(table, note)
    return found


def table_text(table: PageTable, number: Callable[[str], Estimate]) -> str:
    """Return the table in Markdown.

    Args:
        table: The table.
        number: Function from an address to its number.
    """
    return _filled(table, lambda place: place.text(number(place.address)))


def fill_page(page: Page, text: str, filled: Callable[[PageTable], str | None]) -> str:
    """Return the text of a page with its tables filled.

    Args:
        page: The page.
        text: Present text of the page.
        filled: Function from a table to its text; if it returns `None`, the table does not change.

    Raises:
        ConfigError: If a table of the page is not in the YAML, or the other way round.
    """
    marked = [found[2] for found in _MARKED.finditer(text)]
    for name in page.tables:
        if marked.count(name) != 1:
            raise ConfigError(
                f"{page.text} has {marked.count(name)} places `<!-- results: {name} -->` … "
                "`<!-- end -->`; it must have one"
            )
    for name in marked:
        if name not in page.tables:
            raise ConfigError(f"{page.file} has no table {name!r}; {hint(name, page.tables)}")

    def replace(found: re.Match[str]) -> str:
        new = filled(page.tables[found[2]])
        return found[0] if new is None else f"{found[1]}{new}{found[4]}"

    return _MARKED.sub(replace, text)


def _filled(table: PageTable, print_place: Callable[[Place], str]) -> str:
    first, *others = table.rows.strip().splitlines()
    headings = _cells(first)
    lines = [first]
    for line in others:
        if set(line) <= _LINE:
            lines.append(line)
            continue
        cells = _cells(line)
        if len(cells) != len(headings):
            raise ConfigError(f"{line.strip()}: {len(cells)} cells under {len(headings)} headings")
        for number, cell in enumerate(cells):
            cells[number] = cells[number - 1] if cell == _SAME and number else cell
        label, done = cells[0].strip(_MARKS), []
        for heading, cell in zip(headings, cells, strict=True):
            parts = _PLACE.split(cell)  # every other one is a place
            parts[1::2] = [print_place(_place(table, one, heading, label)) for one in parts[1::2]]
            done.append("".join(parts))
        lines.append(f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in done)}|")
    return "\n".join(lines) + "\n"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _place(table: PageTable, text: str, heading: str, label: str) -> Place:
    formed = _FORMED.fullmatch(text)
    address, form = formed.groups() if formed else (text, "")
    whole = SEPARATOR.join(filter(None, [table.of, address]))
    return Place(whole.replace("^", heading).replace("<", label), form or table.form)
