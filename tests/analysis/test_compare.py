"""Comparisons read what training logged and put it side by side honestly."""

import csv
import json

import numpy as np
import pytest

from analysis import compare, mean_over_seeds
from analysis.curve_figures import on_common_steps
from analysis.curves import read_curves
from configs import CheckpointError, ConfigError

STEPS = np.arange(1, 41) * 1000


def write_log(folder, success, steps=STEPS, **columns):
    folder.mkdir(parents=True)
    with open(folder / "metrics.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["iteration", "env_steps", "charts/success", *columns])
        for i, row in enumerate(zip(steps, success, *columns.values(), strict=True)):
            writer.writerow([i + 1, *row])
    return folder


def write_evaluation(folder, value):
    target = folder / "studies" / "eval"
    target.mkdir(parents=True)
    estimate = {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 50}
    score = {"cheese": "anywhere", "success": estimate, "efficient": estimate}
    scores = [
        score | {"player": "agent", "size": None},
        score | {"player": "agent", "size": 7, "success": None},
        score | {"player": "random", "size": None, "success": None},
    ]
    (target / "eval.json").write_text(json.dumps({"scores": scores}))


def test_one_run_shows_its_last_values_and_its_own_evaluation(tmp_path):
    run = write_log(tmp_path / "run", np.linspace(0, 1, 40))
    write_evaluation(run, 0.7)
    (line,) = compare([run], tmp_path / "out").lines
    assert line.seeds == 1
    assert line.env_steps == 40_000
    assert line.last["charts/success"].value == pytest.approx(np.linspace(0, 1, 40)[-2:].mean())
    found = line.evaluation["anywhere: success"]
    assert (found.value, found.low, found.high, found.n) == pytest.approx((0.7, 0.6, 0.8, 50))


def test_a_group_is_one_line_with_an_interval_over_its_seeds(tmp_path):
    group = tmp_path / "group"
    ends = [0.2, 0.5, 0.6]
    for seed, end in enumerate(ends):
        write_log(group / f"seed-{seed}", np.full(40, end))
        write_evaluation(group / f"seed-{seed}", end)
    other = write_log(tmp_path / "other", np.ones(40))
    comparison = compare([group, other], tmp_path / "out")
    first, second = comparison.lines
    assert first.seeds == 3
    assert first.last["charts/success"] == mean_over_seeds(ends)
    assert first.evaluation["anywhere: efficient"] == mean_over_seeds(ends)
    assert second.evaluation == {}
    assert comparison.figure.read_bytes().startswith(b"\x89PNG")
    stored = json.loads(comparison.data.read_text())
    assert [line["label"] for line in stored["lines"]] == [str(group), str(other)]
    table = comparison.table()
    assert [column.header for column in table.columns[1:]] == [str(group), str(other)]
    assert list(table.columns[-1].cells)[-1] == "-"


def test_a_partly_evaluated_group_says_so(tmp_path):
    group = tmp_path / "group"
    for seed in range(3):
        write_log(group / f"seed-{seed}", np.ones(40))
    write_evaluation(group / "seed-1", 0.5)
    comparison = compare([group], tmp_path / "out")
    assert "0.5 [1 of 3]" in list(comparison.table().columns[1].cells)


def test_cells_without_a_finite_value_are_left_out(tmp_path):
    values = ["", "nan", "inf", 0.5, ""] + [0.75] * 35
    curve = read_curves(write_log(tmp_path / "run", values, other=["nan"] * 40))
    steps, found = curve.metrics["charts/success"]
    assert steps.tolist() == [4000.0, *STEPS[5:]]
    assert found.tolist() == [0.5] + [0.75] * 35
    assert "other" not in curve.metrics
    assert curve.env_steps == 40_000


def test_seeds_are_averaged_only_where_all_have_data(tmp_path):
    a = read_curves(write_log(tmp_path / "a", STEPS / 1e3, steps=STEPS))
    b = read_curves(write_log(tmp_path / "b", STEPS / 1e3, steps=STEPS + 500))
    grid, values = on_common_steps([a, b], "charts/success")
    assert (grid[0], grid[-1]) == (1500, 40_000)
    np.testing.assert_allclose(values[0], grid / 1e3)
    np.testing.assert_allclose(values[1], grid / 1e3 - 0.5)


def test_seeds_that_never_overlap_still_draw(tmp_path):
    group = tmp_path / "group"
    write_log(group / "seed-0", np.ones(40))
    write_log(group / "seed-1", np.ones(40), steps=STEPS + 100_000)
    assert compare([group], tmp_path / "out").figure.is_file()


def test_nothing_to_compare_is_an_error(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ConfigError, match="at least one run"):
        compare([], out)
    run = write_log(tmp_path / "run", np.ones(40))
    with pytest.raises(ConfigError, match="given twice"):
        compare([run, run], out)
    with pytest.raises(CheckpointError, match="is missing"):
        compare([tmp_path / "nowhere"], out)
    with pytest.raises(CheckpointError, match=r"no metrics\.csv"):
        compare([tmp_path], out)
    strange = write_log(tmp_path / "strange", ["x"] * 40)
    with pytest.raises(CheckpointError, match="not a log"):
        compare([strange], out)
    empty = write_log(tmp_path / "empty", [], steps=[])
    with pytest.raises(CheckpointError, match="no row yet"):
        compare([empty], out)
    other = write_log(tmp_path / "other", [""] * 40, loss=[1] * 40)
    with pytest.raises(ConfigError, match="nothing to draw"):
        compare([other], out)


def test_a_torn_evaluation_is_named(tmp_path):
    run = write_log(tmp_path / "run", np.ones(40))
    write_evaluation(run, 0.5)
    (run / "studies" / "eval" / "eval.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"eval\.json is not an evaluation"):
        compare([run], tmp_path / "out")
