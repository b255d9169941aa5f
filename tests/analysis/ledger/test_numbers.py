"""Numbers of results: which one an address means, and how a form prints it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from chisel.analysis.ledger.numbers import number_text, read_number
from chisel.analysis.results import Estimate, proportion
from chisel.configs import ConfigError

CSV = """\
without,shown,P(a),P(a) low,P(a) high,P(a) n,seeds
none,value,0.5,0.25,0.75,5,5
one,value,0.1,,,5,5
one,change,-0.4,-0.5,-0.3,5,5
random:one 1,change,-0.02,-0.1,0.1,5,5
random:one 2,change,0.03,-0.1,0.1,5,5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ablation.csv").write_text(CSV)
    data = {"runs": [{"a": 3, "ok": True}], "b": {"value": 0.5, "low": None, "high": 0.7, "n": 9}}
    (tmp_path / "ablation.json").write_text(json.dumps(data))
    return tmp_path


def test_a_row_is_named_by_texts_in_it_and_brings_its_interval(folder: Path) -> None:
    assert read_number(folder, "ablation / one / change / P(a)") == Estimate(-0.4, -0.5, -0.3, 5)
    alone = read_number(folder, "ablation / none / seeds")
    assert (alone.value, alone.n, math.isnan(alone.low)) == (5, 0, True)


@pytest.mark.parametrize(("which", "value"), [("min", -0.02), ("max", 0.03)])
def test_of_several_rows_the_least_or_the_greatest_can_be_taken(
    folder: Path, which: str, value: float
) -> None:
    found = read_number(folder, f"ablation / random:* / change / P(a) / {which}")
    assert (found.value, found.n, math.isnan(found.low)) == (value, 5, True)


def test_values_of_json_are_found_by_their_keys(folder: Path) -> None:
    assert read_number(folder, "ablation.json / runs / 0 / a").value == 3
    found = read_number(folder, "ablation.json / b")
    assert (found.value, found.high, found.n, math.isnan(found.low)) == (0.5, 0.7, 9, True)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ablation / one / P(a)", "2 rows hold one; one must"),
        ("ablation / two / P(a)", "0 rows hold two; one must"),
        ("ablation / none / P(b)", "no column 'P\\(b\\)'; did you mean 'P\\(a\\)'"),
        ("ablations / none / P(a)", "cannot read .*ablations.csv"),
        ("ablation.json / runs / 1 / a", "there is no '1'"),
        ("ablation.json / run", "there is no 'run'; did you mean 'runs'"),
        ("ablation.json / runs / 0 / ok", "this is no number"),
    ],
)
def test_an_address_of_no_number_or_of_several_is_refused(
    folder: Path, address: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        read_number(folder, address)


@pytest.mark.parametrize(
    ("number", "form", "text"),
    [
        (Estimate(0.5, 0.25, 1.0, 5), ".00 (.00)", ".50 (.25, 1.00)"),
        (Estimate(0.5, 0.25, 1.0, 5), "0.00 (0.0)", "0.50 (0.2, 1.0)"),
        (Estimate(0.5, 0.25, 1.0, 5), ".00", ".50"),
        (Estimate(-0.4, -0.5, 0.003, 5), "+.00 (+.00)", "−.40 (−.50, +.00)"),
        (Estimate(-0.001, math.nan, math.nan, 5), "+.00 (+.00)", "−.00"),
        (Estimate(16.291, 14.977, 17.605, 20), ".000 ± .000", "16.291 ± 1.314"),
        (Estimate(13440, math.nan, math.nan, 0), "0", "13440"),
        (proportion(49, 50), "0/0 (0.00)", "49/50 (0.90, 1.00)"),
    ],
)
def test_a_form_shows_how_a_number_is_printed(number: Estimate, form: str, text: str) -> None:
    assert number_text(number, form) == text


def test_a_form_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="no form '2 digits'"):
        number_text(Estimate(1, 1, 1, 1), "2 digits")
