"""Tables in a terminal: nothing in a cell is markup, and no number is cut."""

from __future__ import annotations

import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from chisel.analysis.results import new_table, show

CELLS = st.sampled_from(
    ["consumers: []", "runs/[b]x[/b]", "[/c]", "a [2 of 3]", ":warning:", "\\[x]", "[red]", "[[]]"]
)


def shown(width: int, rows: list[list[str]], title: str = "", header: str = "") -> str:
    table = new_table(title=title or None, caption=title or None)
    for _ in rows[0]:
        table.add_column(header, justify="right")
    for row in rows:
        table.add_row(*row)
    console = Console(file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False)
    show(table, console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    return text


@given(cell=CELLS, title=CELLS, header=CELLS)
def test_titles_heads_and_cells_are_printed_as_they_are(cell: str, title: str, header: str) -> None:
    printed = shown(100, [[cell]], title, header)  # a title is folded where its table is narrow
    assert "".join(printed.split()) == "".join(f"{title}{header}{cell}{title}".split())


def test_standard_output_gets_text_as_it_is_too(capsys: pytest.CaptureFixture[str]) -> None:
    table = new_table(title="of runs/[x]")
    table.add_column("consumers: []")
    table.add_row("[/b]")
    show(table)
    assert [one.strip() for one in capsys.readouterr().out.splitlines()] == [
        "of runs/[x]",
        "consumers: []",
        "[/b]",
    ]


@settings(deadline=None)
@given(
    width=st.integers(1, 120),
    numbers=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=8),
    form=st.sampled_from([".3f", ".3g", ",.0f", ".1%", "+.4f", "e"]),
)
@example(width=40, numbers=[0.685] * 8, form=".3f")
def test_every_number_is_whole_at_every_width(width: int, numbers: list[float], form: str) -> None:
    text = [format(number, form) for number in numbers]
    row = [f"{one} ({one}, {one})" for one in text]
    words = shown(width, [["a/long/path/of/a/run", *row]]).split()
    for one in set(text):
        copies = text.count(one)
        assert [words.count(form) for form in (one, f"({one},", f"{one})")] == [copies] * 3
    assert "…" not in "".join(words)
