"""Compare new measurements of a page with its numbers, and write them into the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from chisel.analysis.ledger.numbers import SEPARATOR, read_number
from chisel.analysis.ledger.rows import Row, Rows, read_rows, row_of, write_rows
from chisel.analysis.ledger.states import folder_of, read_stamp, state_of, weights_of
from chisel.analysis.ledger.tables import fill_page, places, table_text
from chisel.analysis.results import Estimate, new_table
from chisel.configs import ConfigError, Page, PageTable, Training, hint
from chisel.models import write_file

_ABOUT = ("command", "commit", "machine", "date")
"""Columns of a row that come from a stamp."""


class Difference(NamedTuple):
    """A number that the page prints differently."""

    address: str
    on_page: str
    here: str


def plan_table(page: Page, names: Sequence[str], out: Path) -> Table:
    """Return a table of entries: kind, what is done, and planned minutes of each.

    `numbers` has the count of the page's numbers that come from an entry, and the count of those
    that are recorded.
    """
    columns = ("runs", "numbers", "planned minutes")
    table = new_table(str(page.text), words=("entry", "what", "state"), numbers=columns)
    wanted = [place.address for one in page.tables.values() for place in places(one)]
    recorded = {address for name, address in read_rows(page.results) if name == page.name}
    total = 0.0
    for name in names:
        entry, state = page.entries[name], state_of(page, name, out)
        if isinstance(entry, Training):
            what = entry.command()
        else:
            what = entry.command(weights_of(page, name, out))
        each = 1 if isinstance(entry, Training) else entry.runs
        left = entry.minutes * each * (state.wanted - state.done)
        total += left
        own = [address for address in wanted if address.startswith(f"{name}{SEPARATOR}")]
        known = sum(address in recorded for address in own)
        counts = f"{state.done} of {state.wanted}", f"{known} of {len(own)}" if own else "-"
        table.add_row(name, what, state.name, *counts, f"{left:g}" if left else "-")
    table.caption = f"about {total / 60:.1f} hours are left" if total else "nothing is left"
    return table


def check_page(page: Page) -> None:
    """Check before a run that a page has its tables, and that they name known entries and forms.

    Raises:
        ConfigError: If a table is missing or wrong; the message names it.
    """
    fill_page(page, _text_of(page), lambda _: None)
    for name, table in page.tables.items():
        try:
            for place in places(table):
                entry = place.address.partition(SEPARATOR)[0]
                if entry not in page.measurements:
                    raise ConfigError(f"no study {entry!r}; {hint(entry, page.measurements)}")
                place.text(Estimate(0, 0, 0, 1))
        except ConfigError as error:
            raise ConfigError(f"{page.file}: table {name}: {error}") from error


def measured_rows(page: Page, out: Path) -> dict[tuple[str, str], Row]:
    """Return a row for each number of the page's tables whose entry is done in a folder.

    Raises:
        ConfigError: If a table names a number that is not in its result.
    """
    rows: dict[tuple[str, str], Row] = {}
    stamps = {name: read_stamp(page, name, out) for name in page.measurements}
    for table in page.tables.values():
        for address, _ in places(table):
            entry, _, rest = address.partition(SEPARATOR)
            stamp = stamps[entry]
            if stamp is not None:
                rows[page.name, address] = row_of(
                    read_number(folder_of(page, entry, out), rest),
                    page=page.name,
                    id=address,
                    unit=table.unit,
                    **{column: str(stamp[column]) for column in _ABOUT},
                )
    return rows


def differences(page: Page, measured: Rows, recorded: Rows) -> list[Difference]:
    """Return the numbers that are both measured and recorded, and that the page would change."""
    found = []
    for table in page.tables.values():
        for place in places(table):
            key = page.name, place.address
            if key in measured and key in recorded:
                texts = [place.text(rows[key].number) for rows in (recorded, measured)]
                if texts[0] != texts[1]:
                    found.append(Difference(place.address, *texts))
    return found


def write_page(page: Page, measured: Rows, out: Path) -> list[Path]:
    """Write numbers into `results.csv` and the page's tables, and copy figures of finished entries.

    A table that lacks a number does not change.

    Returns:
        The files that were written.

    Raises:
        ConfigError: If a result lacks the file of a figure.
        CheckpointError: If a file cannot be written.
    """
    recorded = read_rows(page.results)
    own = {key: row for key, row in {**recorded, **measured}.items() if key[0] == page.name}
    ordered = [(page.name, one.address) for table in page.tables.values() for one in places(table)]
    rows = {key: row for key, row in recorded.items() if key[0] != page.name}
    rows |= {key: own[key] for key in ordered if key in own}
    by_page = dict(sorted(rows.items(), key=lambda item: item[0][0]))
    files = [_write_text(page, rows, page.text), write_rows(page.results, by_page)]
    for name, entry in page.measurements.items():
        if read_stamp(page, name, out) is not None:
            for target, source in entry.figures.items():
                picture = folder_of(page, name, out) / source
                if not picture.is_file():
                    raise ConfigError(f"{page.file}: {name}: there is no {picture} for {target}")
                files.append(write_file(page.figures / target, picture.read_bytes()))
    return files


def write_beside(page: Page, measured: Rows, out: Path) -> list[Path]:
    """Write the rows, and the page with its tables, into the folder of its reproduction."""
    return [
        _write_text(page, measured, out / page.text.name),
        write_rows(out / page.results.name, measured),
    ]


def _write_text(page: Page, rows: Rows, file: Path) -> Path:
    def filled(table: PageTable) -> str | None:
        if all((page.name, place.address) in rows for place in places(table)):
            return table_text(table, lambda address: rows[page.name, address].number)
        return None

    return write_file(file, fill_page(page, _text_of(page), filled).encode())


def _text_of(page: Page) -> str:
    try:
        return page.text.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read the page {page.text}: {error.strerror}") from error
