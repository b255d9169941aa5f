"""A page's tables: filled from results, compared with what was recorded, written."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from chisel.analysis import ledger
from chisel.analysis.ledger import Difference
from chisel.analysis.ledger.numbers import number_text
from chisel.analysis.ledger.rows import Row, row_of, write_rows
from chisel.analysis.results import Estimate, write_json
from chisel.configs import ConfigError, Page, PageTable

OUT = Path("out")
CSV = """\
without,shown,P(a),P(a) low,P(a) high,P(a) n,P(b),P(b) low,P(b) high,P(b) n
one,value,0.5,0.25,0.75,2,0.1,0,0.2,2
one,change,-0.4,-0.5,-0.3,2,0.1,0.0,0.2,2
random:one 1,change,-0.02,-0.1,0.1,2,0.3,0.1,0.5,2
random:one 2,change,0.03,-0.1,0.1,2,0.2,0.1,0.5,2
"""
TABLE = """\
| without | P(a) | P(b) |
|---|---|---|
| “one” | .50 (.25, .75): −.40 (−.5, −.3) | .10 (.00, .20): +.10 (+.0, +.2) |
| random | −.02 … +.03 | +.20 … +.30 |
"""


@pytest.fixture
def measured(page: Page) -> Page:
    """The page whose study has been done."""
    folder = ledger.folder_of(page, "cut", OUT)
    folder.mkdir(parents=True)
    (folder / "ablation.csv").write_text(CSV)
    (folder / "a.png").write_bytes(b"a picture")
    about = dict.fromkeys(("command", "commit", "machine", "date"), "known")
    said, weights = ledger.plain_entry(page, "cut"), ledger.digests(page, "cut", OUT)
    write_json(folder / ledger.STAMP, {"entry": said, "weights": weights, **about})
    return page


def other_page() -> Row:
    return Row("other", "x / y", "1", "", "", "", "", "c", "c", "m", "d")


def test_writing_fills_the_table_the_rows_and_the_figures(measured: Page) -> None:
    write_rows(measured.results, {("other", "x / y"): other_page()})
    files = ledger.write_page(measured, ledger.measured_rows(measured, OUT), OUT)
    assert files == [measured.text, measured.results, measured.figures / "cut.png"]
    text = measured.text.read_text()
    assert f"<!-- results: shares -->\n{TABLE}<!-- end -->\n\nWords.\n" in text
    assert (measured.figures / "cut.png").read_bytes() == b"a picture"
    rows = ledger.read_rows(measured.results)
    assert rows["other", "x / y"] == other_page()
    first = rows["mine", "cut / ablation / one / value / P(a)"]
    assert dataclasses.astuple(first)[2:7] == ("0.5", "0.25", "0.75", "2", "seeds")
    assert len(rows) == 9


def test_without_writing_the_page_stays_and_a_copy_is_filled(measured: Page) -> None:
    before = measured.text.read_text()
    ledger.write_beside(measured, ledger.measured_rows(measured, OUT), OUT)
    assert measured.text.read_text() == before
    assert not measured.results.exists()
    assert TABLE in (OUT / "mine.md").read_text()


def test_a_number_that_is_printed_otherwise_is_named(measured: Page) -> None:
    rows = ledger.measured_rows(measured, OUT)
    key = "mine", "cut / ablation / one / value / P(a)"
    same = rows | {key: dataclasses.replace(rows[key], value="0.501")}
    assert ledger.differences(measured, rows, same) == []
    other = rows | {key: dataclasses.replace(rows[key], value="0.52")}
    (found,) = ledger.differences(measured, rows, other)
    assert found == Difference(key[1], ".52 (.25, .75)", ".50 (.25, .75)")


def test_a_table_that_lacks_a_number_stays_as_it_is(measured: Page) -> None:
    rows = ledger.measured_rows(measured, OUT)
    rows.pop(("mine", "cut / ablation / one / value / P(a)"))
    ledger.write_page(measured, rows, OUT)
    assert "(nothing yet)" in measured.text.read_text()


def test_what_was_measured_by_another_entry_is_not_used(measured: Page) -> None:
    cut = dataclasses.replace(measured.measurements["cut"], settings="levels=10")
    changed = dataclasses.replace(measured, entries={**measured.entries, "cut": cut})
    assert ledger.measured_rows(changed, OUT) == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda page, text: text.replace("results: shares", "results: share"), "has 0 places"),
        (lambda page, text: text + "<!-- results: more -->\n<!-- end -->", "no table 'more'"),
    ],
)
def test_a_page_and_its_yaml_must_name_the_same_tables(
    measured: Page, change: object, said: str
) -> None:
    assert callable(change)
    measured.text.write_text(change(measured, measured.text.read_text()))
    with pytest.raises(ConfigError, match=said):
        ledger.write_page(measured, {}, OUT)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("| a |\n| {cot / t / x} |", "table shares: no study 'cot'; did you mean 'cut'"),
        ("| a |\n| {cut / t / x as 2} |", "table shares: no form '2'"),
        ("| a |\n| b | c |", "2 cells under 1 headings"),
    ],
)
def test_a_table_is_checked_before_anything_runs(page: Page, rows: str, said: str) -> None:
    ledger.check_page(page)
    changed = dataclasses.replace(page, tables={"shares": PageTable(rows)})
    with pytest.raises(ConfigError, match=said):
        ledger.check_page(changed)


def test_a_page_without_text_is_refused(page: Page) -> None:
    page.text.unlink()
    with pytest.raises(ConfigError, match="cannot read the page"):
        ledger.check_page(page)


def test_a_figure_that_the_result_lacks_is_named(measured: Page) -> None:
    (OUT / "cut" / "a.png").unlink()
    with pytest.raises(ConfigError, match="cut: there is no out/cut/a"):
        ledger.write_page(measured, {}, OUT)


def test_a_number_is_rounded_only_when_it_is_printed() -> None:
    about = dict.fromkeys(("page", "id", "unit", "command", "commit", "machine", "date"), "x")
    row = row_of(Estimate(470.8565257, math.nan, math.nan, 0), **about)
    assert number_text(row.number, ".000") == "470.857"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n", "must have the columns page,id,value"),
        ("{head}\np,i,1,,,,,,,,\np,i,1,,,,,,,,\n", "line 3: p, i again"),
        ("{head}\np,i,one,,,,,,,,\n", "line 2: could not convert"),
    ],
)
def test_damaged_rows_are_refused(tmp_path: Path, text: str, said: str) -> None:
    head = ",".join(field.name for field in dataclasses.fields(Row))
    file = tmp_path / "results.csv"
    file.write_text(text.replace("{head}", head))
    with pytest.raises(ConfigError, match=said):
        ledger.read_rows(file)


def test_the_plan_says_what_is_done_and_how_long_the_rest_takes(measured: Page) -> None:
    table = ledger.plan_table(measured, list(measured.entries), OUT)
    cells = [list(column.cells) for column in table.columns]
    assert cells[0] == ["agents", "cut", "worlds"]
    assert cells[2] == ["missing", "waits", "missing"]
    assert cells[4] == ["-", "0 of 8", "-"]
    assert cells[5] == ["4", "3", "1"]
    assert table.caption == "about 0.1 hours are left"
