"""Comparisons read what training logged and put it side by side honestly."""

import csv
import json
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats as reference

from chisel.analysis.results import compare, mean_over_seeds
from chisel.analysis.results.curves import on_common_steps, read_curves
from chisel.configs import CheckpointError, ConfigError
from chisel.models import load_agent

STEPS = np.arange(1, 41) * 1000

pytestmark = pytest.mark.usefixtures("papers")


def write_log(folder, success, steps=STEPS, **columns):
    folder.mkdir(parents=True)
    with open(folder / "metrics.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["iteration", "env_steps", "charts/success", *columns])
        for i, row in enumerate(zip(steps, success, *columns.values(), strict=True)):
            writer.writerow([i + 1, *row])
    return folder


METRICS = [
    {"name": "success", "within": [0, 1], "better": "higher"},
    {"name": "length", "within": None, "better": "lower"},
]


def write_evaluation(folder, value, *, steps=40_000, split="test", situation="anywhere", **more):
    """An evaluation as `chisel eval` writes it, of a run without checkpoints."""
    target = folder / "studies" / "eval"
    target.mkdir(parents=True, exist_ok=True)
    estimate = {"value": value, "low": max(0, value - 0.1), "high": min(1, value + 0.1), "n": 50}
    metrics = {"success": estimate, "length": estimate | {"value": 10 * value}}
    score = {"situation": {"cheese": situation} if situation else {}, "episodes": 60}
    score |= {"n_of": "layouts", "metrics": metrics}
    none = {"success": estimate | {"value": None}}
    data = {
        "checkpoint": str(folder),
        "sha256": "0" * 64,
        "env_steps": steps,
        "evaluator": "maze",
        "metrics": METRICS,
        "settings": {"eval.split": split, "env.region": "3"} | more,
        "scores": [
            score | {"player": "agent", "group": {}},
            score | {"player": "agent", "group": {"size": 5}, "metrics": none},
            score | {"player": "random", "group": {}, "metrics": none},
        ],
    }
    (target / "eval.json").write_text(json.dumps(data))


def write_group(folder, ends, **evaluation):
    for seed, end in enumerate(ends):
        write_log(folder / f"seed-{seed}", np.full(40, end))
        write_evaluation(folder / f"seed-{seed}", end, **evaluation)
    return folder


def cells(comparison, row):
    """A row of the table, without its name."""
    columns = [list(column.cells) for column in comparison.table().columns]
    return [column[columns[0].index(row)] for column in columns[1:]]


def test_one_run_shows_its_last_values_and_its_own_evaluation(tmp_path):
    run = write_log(tmp_path / "run", np.linspace(0, 1, 40))
    write_evaluation(run, 0.7)
    (line,) = compare([run], tmp_path / "out").lines
    assert line.seeds == 1
    assert line.env_steps == 40_000
    assert line.last["charts/success"].value == pytest.approx(np.linspace(0, 1, 40)[-2:].mean())
    found = line.evaluation["cheese anywhere: success"]
    assert (found.value, found.low, found.high, found.n) == pytest.approx((0.7, 0.6, 0.8, 50))


def test_a_group_is_one_line_with_an_interval_over_its_seeds(tmp_path):
    ends = [0.2, 0.5, 0.6, 0.4, 0.3]
    group = write_group(tmp_path / "group", ends)
    other = write_log(tmp_path / "other", np.ones(40))
    comparison = compare([group, other], tmp_path / "out")
    first, second = comparison.lines
    assert first.seeds == 5
    assert first.last["charts/success"] == mean_over_seeds(ends, within=(0, 1))
    lengths = [10 * end for end in ends]
    assert first.evaluation["cheese anywhere: length"] == mean_over_seeds(lengths)
    assert second.evaluation == {}
    assert comparison.figure.read_bytes().startswith(b"\x89PNG")
    stored = json.loads(comparison.data.read_text())
    assert [line["folder"] for line in stored["lines"]] == [str(group), str(other)]
    assert [line["label"] for line in stored["lines"]] == ["group", "other"]
    table = comparison.table()
    assert table.title == str(tmp_path)
    assert [column.header for column in table.columns[1:]] == ["group", "other"]
    assert cells(comparison, "cheese anywhere: success") == ["0.4 (0.204, 0.596), n = 5", "-"]


@pytest.mark.parametrize("ends", [(0.61, 0.76), (0.99, 1.0, 0.7), (0.1, 0, 0, 0)])
def test_fewer_than_five_seeds_are_shown_one_by_one_and_no_end_leaves_the_range(tmp_path, ends):
    group = write_group(tmp_path / "group", ends)
    comparison = compare([group], tmp_path / "out")
    shown = f"{np.mean(ends):.3g} ({', '.join(f'{end:.3g}' for end in ends)})"
    for row in ("last success", "cheese anywhere: success"):
        assert cells(comparison, row) == [shown]
    (line,) = comparison.lines
    for found in (*line.last.values(), line.evaluation["cheese anywhere: success"]):
        assert 0 <= found.low < found.value < found.high <= 1
        assert found.n == len(ends)
    plain = json.loads(comparison.data.read_text())["lines"][0]
    assert plain["of_seeds"]["cheese anywhere: success"] == pytest.approx(ends)


def test_one_run_has_an_interval_over_its_levels_and_says_how_many(tmp_path):
    run = write_log(tmp_path / "run", np.ones(40))
    write_evaluation(run, 0.7)
    comparison = compare([run], tmp_path / "out")
    assert cells(comparison, "cheese anywhere: success") == ["0.7 (0.6, 0.8), n = 50"]
    caption = comparison.table().caption
    assert "of one run: its evaluation with a 95 % interval over the n that it played" in caption
    assert "over seeds" not in caption


def test_evaluations_with_other_settings_are_named_as_such_and_have_no_p(tmp_path):
    first = write_group(tmp_path / "a", [0.5, 0.6])
    second = write_group(tmp_path / "b", [0.8, 0.9], split="train", **{"env.region": "5"})
    comparison = compare([first, second], tmp_path / "out")
    assert comparison.differing == ("env.region", "eval.split")
    assert cells(comparison, "evaluated with eval.split")[:2] == ["test", "train"]
    assert cells(comparison, "evaluated with env.region")[:2] == ["3", "5"]
    assert "NOT EVALUATED ALIKE: env.region, eval.split" in comparison.table().caption
    assert set(comparison.contrasts) == {"charts/success"}
    alike = compare([first, write_group(tmp_path / "c", [0.8, 0.9])], tmp_path / "out")
    assert alike.differing == ()
    evaluated = {"cheese anywhere: success", "cheese anywhere: length"}
    assert set(alike.contrasts) == {"charts/success", *evaluated}
    assert alike.contrasts["cheese anywhere: success"].p == pytest.approx(1 / 3)
    assert "P(first better)" not in [column.header for column in alike.table().columns]


def test_seeds_evaluated_differently_are_not_averaged_and_that_is_said(tmp_path):
    group = write_group(tmp_path / "group", [0.5, 0.6])
    write_evaluation(group / "seed-1", 0.9, split="train")
    comparison = compare([group], tmp_path / "out")
    assert comparison.lines[0].evaluation == {}
    assert "not averaged, its seeds' differ in eval.split" in comparison.table().caption
    assert json.loads(comparison.data.read_text())["lines"][0]["notes"]


def test_the_evaluation_of_an_earlier_checkpoint_is_not_shown_and_that_is_said(tmp_path):
    run = write_log(tmp_path / "run", np.ones(40))
    write_evaluation(run, 0.7, steps=10_000)
    comparison = compare([run], tmp_path / "out")
    assert comparison.lines[0].evaluation == {}
    assert "it is of 10,000 steps, the run has 40,000" in comparison.table().caption


def test_an_evaluation_belongs_to_the_newest_checkpoint_by_its_digest(run_folder, tmp_path):
    write_log(tmp_path / "log", np.ones(40))
    (tmp_path / "log" / "metrics.csv").rename(run_folder / "metrics.csv")
    write_evaluation(run_folder, 0.7)
    comparison = compare([run_folder], tmp_path / "out")
    assert comparison.lines[0].evaluation == {}
    assert "another checkpoint than" in comparison.table().caption
    file = run_folder / "studies" / "eval" / "eval.json"
    file.write_text(file.read_text().replace("0" * 64, load_agent(run_folder).digest))
    found = compare([run_folder], tmp_path / "out").lines[0].evaluation
    assert found["cheese anywhere: success"].value == 0.7


def test_a_metric_that_one_seed_lacks_is_that_of_the_others_and_says_so(tmp_path):
    group = tmp_path / "group"
    write_log(group / "seed-0", np.full(40, 0.5))
    write_log(group / "seed-1", [""] * 40, other=[1] * 40)
    write_log(group / "seed-2", np.full(40, 0.7))
    comparison = compare([group], tmp_path / "out")
    assert cells(comparison, "last success") == ["0.6 (0.5, 0.7) [2 of 3]"]
    assert comparison.lines[0].last["charts/success"].n == 2


def test_seeds_of_different_length_are_compared_where_the_shortest_ended(tmp_path):
    group = tmp_path / "group"
    write_log(group / "seed-0", np.full(40, 0.5))
    write_log(group / "seed-1", np.r_[np.full(40, 0.7), np.full(40, 1)], np.arange(1, 81) * 1000)
    comparison = compare([group], tmp_path / "out")
    assert comparison.lines[0].last["charts/success"].value == pytest.approx(0.6)
    assert cells(comparison, "environment steps") == ["40,000 (the longest 80,000)"]
    assert cells(comparison, "last success") == ["0.6 (0.5, 0.7)"]


def test_a_world_without_situations_has_the_metrics_alone_in_the_order_of_its_evaluator(tmp_path):
    run = write_log(tmp_path / "run", np.ones(40))
    write_evaluation(run, 0.5, situation=None)
    line = compare([run], tmp_path / "out").lines[0]
    assert list(line.evaluation) == ["success", "length"]
    assert line.evaluation["success"].within == (0, 1)
    assert line.evaluation["length"].within is None


def test_runs_of_different_worlds_are_not_evaluated_alike(tmp_path):
    runs = [write_log(tmp_path / name, np.ones(40)) for name in "ab"]
    for run in runs:
        write_evaluation(run, 0.5)
    file = runs[1] / "studies/eval/eval.json"
    file.write_text(file.read_text().replace('"maze"', '"gridworld"'))
    assert compare(runs, tmp_path / "out").differing == ("evaluator",)


def test_an_evaluation_of_an_earlier_version_is_not_shown_and_that_is_said(tmp_path):
    run = write_log(tmp_path / "run", np.ones(40))
    write_evaluation(run, 0.5)
    share = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9}
    scores = [{"player": "agent", "cheese": "anywhere", "size": None, "success": share}]
    old = {"scores": scores, "sha256": "0" * 64, "env_steps": 40_000, "config": {}}
    (run / "studies" / "eval" / "eval.json").write_text(json.dumps(old))
    comparison = compare([run], tmp_path / "out")
    assert comparison.lines[0].evaluation == {}
    said = "is not shown: it was made by an earlier version; evaluate the run again"
    assert said in comparison.table().caption


def test_from_ten_seeds_in_each_of_two_groups_on_there_are_aggregates(tmp_path):
    draws = np.random.default_rng(0)
    ends = [draws.uniform(0.2, 0.6, 10), draws.uniform(0.4, 0.9, 12)]
    groups = [write_group(tmp_path / name, end) for name, end in zip("ab", ends, strict=True)]
    comparison = compare(groups, tmp_path / "out")
    pairs = reference.mannwhitneyu(*ends).statistic / 120
    success, length = (comparison.contrasts[f"cheese anywhere: {m}"] for m in ("success", "length"))
    assert success.improvement.value == pytest.approx(pairs)
    assert length.improvement.value == pytest.approx(1 - pairs)  # shorter is better
    middle = [one.value for one in success.middle]
    assert middle == pytest.approx([reference.trim_mean(end, 0.25) for end in ends])
    assert comparison.profiles.read_bytes().startswith(b"\x89PNG")
    headers = [column.header for column in comparison.table().columns]
    assert headers[-2:] == ["p", "P(first better)"]
    assert cells(comparison, "cheese anywhere: success, interquartile mean")[0].startswith("0.")
    stored = json.loads(comparison.data.read_text())
    assert stored["probability_of_improvement"]["charts/success"]["n"] == 10
    assert len(stored["interquartile_means"]["charts/success"]) == 2


def test_nothing_of_an_earlier_comparison_stays_in_its_folder(tmp_path):
    many = [write_group(tmp_path / name, np.linspace(0.1, 0.9, 10)) for name in "ab"]
    compare(many, tmp_path / "out")
    compare(many[:1], tmp_path / "out")
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"compare.csv", "compare.json", "curves.pdf", "curves.png", "curves.svg"}


def test_the_table_of_runs_has_a_row_for_each_run_and_metric(tmp_path):
    group = write_group(tmp_path / "group", [0.25, 0.75])
    compare([group], tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "compare.csv")
    assert list(table) == ["line", "run", "metric", "value"]
    success = table[table["metric"] == "cheese anywhere: success"].set_index("run")["value"]
    assert success.to_dict() == {f"{group}/seed-0": 0.25, f"{group}/seed-1": 0.75}


def test_more_than_three_runs_have_a_row_each_with_the_cells_of_their_columns(tmp_path):
    runs = [write_log(tmp_path / f"lr={n}", np.full(40, n / 10)) for n in range(4)]
    for run in runs:
        write_evaluation(run, 0.5)
    rows = compare(runs, out=tmp_path / "out").table()
    columns = [list(column.cells) for column in rows.columns]
    assert rows.title == str(tmp_path)
    assert columns[0] == [run.name for run in runs]
    headings = [column.header for column in rows.columns]
    for run, cells_of_run in zip(runs, zip(*columns[1:], strict=True), strict=True):
        alone = compare([run], out=tmp_path / "alone").table()
        words, cells_alone = (list(column.cells) for column in alone.columns)
        assert words == headings[1:]
        assert list(cells_of_run) == cells_alone


def test_a_grid_stands_for_its_runs_and_groups_in_the_order_of_its_plan(tmp_path):
    names = [f"gamma={gamma}/seed-{seed}" for gamma in (0.99, 0.9) for seed in (0, 1)]
    for name in names[:3]:
        write_log(tmp_path / "grid" / name, np.full(40, 0.5))
    (tmp_path / "grid/studies").mkdir()
    (tmp_path / "grid/group.json").write_text(json.dumps({"folders": [*names, "gamma=1/seed-0"]}))
    comparison = compare([tmp_path / "grid"], out=tmp_path / "out")
    assert [(line.folder, line.label, line.seeds) for line in comparison.lines] == [
        (str(tmp_path / "grid/gamma=0.99"), "gamma=0.99", 2),
        (str(tmp_path / "grid/gamma=0.9"), "gamma=0.9", 1),
    ]
    data = json.loads((tmp_path / "out/compare.json").read_text())
    assert data["command"] == f"chisel compare {tmp_path / 'grid'}"


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
    found = curve.metrics["charts/success"]
    assert found.index.tolist() == [4000, *STEPS[5:]]
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
    with pytest.raises(ConfigError, match="nothing to show"):
        compare([other], out)


def test_an_evaluation_file_that_cannot_be_read_is_named(tmp_path):
    run = write_log(tmp_path / "run", np.ones(40))
    write_evaluation(run, 0.5)
    (run / "studies" / "eval" / "eval.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"eval\.json is not an evaluation"):
        compare([run], tmp_path / "out")


def test_an_impossible_share_is_no_evaluation_and_another_success_is_compared_as_it_is(tmp_path):
    group = tmp_path / "group"
    for seed, success in enumerate((1.5, 3)):
        write_log(group / f"seed-{seed}", np.full(40, success))
    line = compare([group], tmp_path / "out").lines[0]
    assert line.last["charts/success"] == mean_over_seeds([1.5, 3])
    write_evaluation(group / "seed-0", 0.5)
    file = group / "seed-0" / "studies" / "eval" / "eval.json"
    file.write_text(file.read_text().replace('"value": 0.5,', '"value": 1.5,'))
    with pytest.raises(CheckpointError, match="is not an evaluation"):
        compare([group], tmp_path / "out")


def test_seeds_that_end_alike_are_not_listed_one_by_one(tmp_path):
    group = write_group(tmp_path / "group", [1.0, 1.0])
    assert cells(compare([group], tmp_path / "out"), "last success") == ["1 (each of 2 seeds)"]


def test_chosen_metrics_alone_are_shown_in_their_order_and_drawn_if_they_were_logged(tmp_path):
    group = write_group(tmp_path / "group", [0.2, 0.6])
    out = tmp_path / "out"
    both = compare([group], out, metrics=["length", "charts/success"])
    assert list(both.shown) == ["cheese anywhere: length", "charts/success"]
    assert list(both.table().columns[0].cells)[2:] == ["cheese anywhere: length", "last success"]
    assert both.figure == out / "curves.png"
    every = compare([group], out, metrics=["success"])
    assert list(every.shown) == ["charts/success", "cheese anywhere: success"]
    played = compare([group], out, metrics=["cheese anywhere: length"])
    assert played.figure is None
    assert not (out / "curves.png").exists()
    with pytest.raises(ConfigError, match="metrics=sucess: did you mean"):
        compare([group], out, metrics=["sucess"])


def test_labels_stand_in_the_table_and_the_figure_in_place_of_folders(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        sys.modules["chisel.analysis.results.comparison"],
        "save_figure",
        lambda figure, path, *_, **__: drawn.append(figure) or path,
    )
    runs = [write_log(tmp_path / name, np.ones(40)) for name in ("a", "b")]
    table = compare(runs, tmp_path / "out", labels=["ours", "theirs"]).table()
    assert [column.header for column in table.columns[1:]] == ["ours", "theirs"]
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["ours", "theirs"]
    compare(runs, tmp_path / "out")
    written = [text.get_text() for text in drawn[1].legends[0].get_texts()]
    assert written == ["a", "b"], "no path is a label"
    for wrong in (["one"], ["same", "same"]):
        with pytest.raises(ConfigError, match="2 runs or groups need as many different labels"):
            compare(runs, tmp_path / "out", labels=wrong)
