"""Bars are drawn once there is something to show, and leave the terminal to others until then."""

import io

import pytest
from rich.console import Console

from chisel.analysis.results import labelled, progress, progress_bars


@pytest.fixture
def terminal(monkeypatch):
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    monkeypatch.setattr(progress, "Console", lambda **_: console)
    return console.file


def test_nothing_is_drawn_before_the_first_label(terminal):
    with progress_bars() as show:
        assert terminal.getvalue() == ""
        labelled(show, "seed-0")("mazes", 1, 4)
        labelled(show, "seed-0")("mazes", 2, 4)
    assert "seed-0: mazes" in terminal.getvalue()


def test_without_a_label_nothing_is_drawn_at_all(terminal):
    with progress_bars():
        pass
    assert terminal.getvalue() == ""
