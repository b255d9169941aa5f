"""The scripts behind figures still run, and their gradients are as docs/routing.md says."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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


def test_the_pictures_of_safelifes_rules_are_what_their_script_draws():
    folder = SCRIPT.parent
    pictures = runpy.run_path(str(folder / "safelife_rules.py"))["PICTURES"]
    assert pictures.pop("safelife-cells")().ndim == 3  # it has text, which Pillow's versions vary
    for name, draw in pictures.items():
        with Image.open(folder / f"{name}.png") as kept:
            assert np.array_equal(np.asarray(kept), draw()), name
