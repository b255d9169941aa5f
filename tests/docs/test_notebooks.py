"""Notebooks run from their first cell to their last, without Jupyter, and carry no outputs."""

import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))
FIGURES = {"cheese-vector": {"cheese-vector.png", "field.png"}}
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def cells(notebook, kind):
    found = json.loads(notebook.read_text())["cells"]
    return ["".join(one["source"]) for one in found if one["cell_type"] == kind]


def test_every_notebook_is_known():
    assert {path.stem for path in NOTEBOOKS} == set(FIGURES)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_at_most_ten_cells_and_no_outputs(notebook):
    content = json.loads(notebook.read_text())
    assert content["nbformat"] == 4
    assert len(content["cells"]) <= 10
    for cell in content["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebooks_links_lead_to_files(notebook):
    for text in cells(notebook, "markdown"):
        for target in LINK.findall(text):
            assert (notebook.parent / target).exists(), target


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_leaves_its_figures(notebook, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("Agg")
    namespace = {"__name__": "__main__"}
    for number, text in enumerate(cells(notebook, "code")):
        exec(compile(text, f"{notebook.name}, code cell {number}", "exec"), namespace)
    plt.close("all")
    figures = {path.name for path in tmp_path.iterdir() if path.suffix not in (".pdf", ".svg")}
    assert figures == FIGURES[notebook.stem]
    assert all(path.stat().st_size > 5000 for path in tmp_path.iterdir())
    assert capsys.readouterr().out
