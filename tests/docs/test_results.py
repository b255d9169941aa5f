"""Every number in a marked table of a page has its row in results.csv, and every row its page."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from chisel import configs
from chisel.analysis import ledger
from chisel.analysis.ledger.rows import Rows
from chisel.analysis.ledger.tables import places, table_text
from chisel.configs import Page, read_page
from tests.docs.commands import check_arguments

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "docs/reproductions").glob("*.yaml"))
RESULTS = ROOT / "docs/results.csv"
MARKED = re.compile(r"<!-- results: (\S+) -->\n(.*?)<!-- end -->", re.DOTALL)
FREE = ("name", "runs_dir", "tracking", "trainer", "eval")
"""Groups of options that say nothing about what was trained."""


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module", params=FILES, ids=lambda file: file.stem)
def page(request: pytest.FixtureRequest) -> Page:
    return read_page(str(request.param))


@pytest.fixture(scope="module")
def rows() -> Rows:
    return ledger.read_rows(RESULTS)


@pytest.fixture(scope="module")
def printed(page: Page, rows: Rows) -> dict[str, str]:
    """What the tables of a page must say, by the numbers of their rows."""
    return {
        name: table_text(table, lambda address: rows[page.name, address].number)
        for name, table in page.tables.items()
    }


def wrong_tables(text: str, printed: Mapping[str, str]) -> list[str]:
    shown = {found[1]: found[2] for found in MARKED.finditer(text)}
    return [name for name, table in printed.items() if shown.get(name) != table]


def test_every_number_on_a_page_is_that_of_its_row(page: Page, printed: dict[str, str]) -> None:
    assert wrong_tables(page.text.read_text(), printed) == []


def test_a_wrong_digit_on_a_page_is_caught(page: Page, printed: dict[str, str]) -> None:
    text = page.text.read_text()
    for found in MARKED.finditer(text):
        for digit in list(re.finditer(r"\d", found[2]))[::7]:
            at = found.start(2) + digit.start()
            changed = f"{text[:at]}{(int(digit[0]) + 1) % 10}{text[at + 1 :]}"
            assert wrong_tables(changed, printed) == [found[1]]


def test_marks_of_a_page_and_tables_of_its_yaml_are_the_same(page: Page) -> None:
    marks = re.findall(r"<!-- results: (\S+) -->", page.text.read_text())
    assert sorted(marks) == sorted(page.tables)


def test_every_row_stands_on_a_page_once(rows: Rows) -> None:
    pages = {file.stem: read_page(str(file)) for file in FILES}
    asked = {
        (name, place.address)
        for name, page in pages.items()
        for table in page.tables.values()
        for place in places(table)
    }
    assert rows.keys() == asked


def test_every_row_says_how_it_was_measured(rows: Rows) -> None:
    for command in {row.command for row in rows.values()}:
        program, *words = shlex.split(command)
        assert program == "chisel"
        check_arguments(words)
    for row in rows.values():
        assert re.fullmatch("[0-9a-f]{40}", row.commit), row.id
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row.date), row.id
        assert row.machine, row.id
        assert bool(row.low) == bool(row.high), row.id


def test_every_command_of_a_page_is_accepted(page: Page) -> None:
    for entry in page.trainings.values():
        check_arguments(shlex.split(entry.command(entry.seeds[0]))[1:])
    for name, measured in page.measurements.items():
        path = ledger.weights_of(page, name, Path("runs"))
        check_arguments(shlex.split(measured.command(path))[1:])


def test_every_figure_is_shown_by_its_page(page: Page) -> None:
    text = page.text.read_text()
    for entry in page.measurements.values():
        for figure in entry.figures:
            assert (page.figures / figure).is_file()
            assert f"(../figures/{figure})" in text


def test_shipped_agents_were_trained_as_the_page_plans(page: Page) -> None:
    for name, entry in page.trainings.items():
        for seed in entry.seeds:
            if ledger.is_recorded(entry, seed):
                shipped = configs.load(f"{entry.recorded}/seed-{seed}/config.yaml")
                settings = [*shlex.split(entry.settings_of(seed)), f"seed={seed}"]
                plan = configs.load(entry.train, settings)
                assert trained(shipped) == trained(plan), (name, seed)


def trained(config: configs.RunConfig) -> dict[str, object]:
    flat = configs.flatten(configs.to_plain(config))
    return {key: value for key, value in flat.items() if key.partition(".")[0] not in FREE}
