"""The scripts behind figures still run, and their gradients are as docs/routing.md says."""

import runpy
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "docs/figures/routing_masks.py"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


@pytest.mark.parametrize(
    ("form", "closed"),
    [
        ("activation", {"rows", "upstream"}),
        ("parameters", {"rows"}),
        ("activation\nwith consumers", {"rows", "upstream", "columns"}),
        ("forward-drop", {"rows", "values", "upstream", "columns"}),
    ],
)
def test_each_form_closes_what_the_page_says(script, form, closed):
    passed = script["run"](script["FORMS"][form], drop=form == script["DROP"])
    corner = np.array([owner == "corner" for owner in script["OWNERS"]])
    for name in passed._fields:
        filled = getattr(passed, name)
        assert filled[~corner].all()
        assert not filled[corner].any() if name in closed else filled[corner].all()


def test_the_masks_can_be_drawn(script, tmp_path):
    figure = script["draw"]()
    figure.savefig(tmp_path / "masks.png")
    assert len(figure.axes) == 16
