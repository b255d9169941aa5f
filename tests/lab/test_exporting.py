"""Files made from a session hold the numbers that the page shows."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.lab.talking import LAYER, MAZE, PLAIN, ROOT, ROUTED, answers, fields, one, session

EDITS = [
    {
        "kind": "add",
        "site": LAYER,
        "vector": {"make": "cheese", "maze": list(MAZE)},
        "strength": -1,
    },
    {"kind": "clamp", "site": LAYER, "channels": [2], "cells": [[0, 0]], "value": 3, "on": False},
]


def exported(answerer, what, asked):
    ((head, arrays),) = answers(answerer, kind="export", id=1, what=what, session=asked)
    return head["name"], arrays["content"].tobytes()


@pytest.mark.parametrize("edits", [[], EDITS])
def test_the_script_prints_what_the_page_shows(answerer, edits, capsys):
    asked = session((PLAIN, *edits))
    name, text = exported(answerer, "python", asked)
    assert name == "lab-maze-quick-seed-0.py"
    study = f"checkpoint={ROOT / 'agents' / PLAIN} session=session.json split=validation"
    assert (study in text.decode().splitlines()[-1]) == bool(edits)
    exec(compile(text, name, "exec"), {"__name__": "__main__"})  # our own script
    printed = capsys.readouterr().out
    found = answers(answerer, kind="show", rev=1, session=asked)
    head, _ = one(found, "solved")
    for which in ("original", "edited"):
        line = re.search(rf"^{which} .*'cheese': ([\d.e-]+)", printed, re.MULTILINE)
        assert (line is None) == (head[which] is None)
        if line:
            assert float(line[1]) == pytest.approx(head[which]["cheese"], abs=1e-5)
    rows = printed[printed.index(" row ") :].splitlines()[1:]
    values = fields(found)["edited_values" if edits else "values"]
    np.testing.assert_allclose([float(row.split()[-1]) for row in rows], values, atol=1e-4)


def test_the_table_has_every_square_of_both_agents_without_and_with_edits(answerer):
    asked = session((PLAIN, EDITS[0]), (ROUTED,))
    _, text = exported(answerer, "csv", asked)
    table = pd.read_csv(io.BytesIO(text))
    found = answers(answerer, kind="show", rev=1, session=asked)
    shown = fields(found, 0)
    rows = table[(table.slot == "A") & (table.network == "edited") & (table.facing == "left")]
    np.testing.assert_allclose(
        rows[["LEFT", "DOWN", "UP", "RIGHT", "NOOP"]], shown["edited_moves"], atol=1e-5
    )
    np.testing.assert_allclose(rows["value"], shown["edited_values"], atol=1e-4)
    assert set(table[table.slot == "B"].network) == {"original"}


@pytest.mark.parametrize("slots", [[(PLAIN, EDITS[0])], [(PLAIN,), (ROUTED,)]])
def test_figures_are_drawn_as_png(answerer, slots):
    _, data = exported(answerer, "png", session(*slots))
    assert Image.open(io.BytesIO(data)).width > 1000


def test_figures_are_drawn_as_svg(answerer):
    _, text = exported(answerer, "svg", session((PLAIN,)))
    assert text.lstrip().startswith(b"<?xml")
