"""Notebooks run from their first cell to their last and give the outputs that they store."""

import json
import re
from pathlib import Path

import pytest

from tests.docs.site import notebook

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def markdown(path):
    cells = json.loads(path.read_text())["cells"]
    return ["".join(one["source"]) for one in cells if one["cell_type"] == "markdown"]


def outputs(content):
    """The kind of each output by cell, and its text without numbers, which differ by machine."""
    return [
        [
            (one["output_type"], re.sub(r"-?[\d.]+(e-\d+)?", "#", "".join(one.get("text", []))))
            for one in cell.get("outputs", [])
        ]
        for cell in content["cells"]
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_at_most_ten_cells_and_explains_them(path):
    content = json.loads(path.read_text())
    assert content["nbformat"] == 4
    assert len(content["cells"]) <= 10
    assert markdown(path)[0].startswith("# ")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebooks_links_lead_to_files(path):
    for text in markdown(path):
        for target in LINK.findall(text):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_gives_the_outputs_that_are_stored(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stored = json.loads(path.read_text())
    found = notebook.executed(stored, path.name)
    assert outputs(found) == outputs(stored)
    assert any(kind == "display_data" for cell in outputs(found) for kind, _ in cell)
