"""The studies of POWER, small: what they write is what the worlds are known to give."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from chisel.analysis import studies
from chisel.analysis.gridworlds.delayed import aup_policy, find_task, standard_policy
from chisel.analysis.gridworlds.delayed_residuals import mean_residual
from chisel.analysis.gridworlds.power_map import by_cell, find_place, state_power
from chisel.cli.main import main
from chisel.configs import ConfigError
from tests.impact import side_effect_worlds

NEW = ("power-map", "power-orbits", "delayed-specification")


def results(folder, name):
    return json.loads((folder / f"{name}.json").read_text())


def test_power_map_of_a_gridworld_is_exact_at_its_goal_and_says_where_it_comes_from(tmp_path):
    folder = studies.run("power-map", world="options", draws="50", seed="3", out=tmp_path)
    files = {path.name for path in folder.iterdir() if path.suffix not in (".pdf", ".svg")}
    tables = {"tables.json", "highest-and-lowest.csv", "summary.csv", "cells.csv"}
    assert files == {"power-map.json", "power-map.png", "penalty-and-power.png"} | tables
    found = results(folder, "power-map")
    command = "chisel study power-map draws=50 seed=3"
    assert found["command"] == command
    assert command.encode() in (folder / "power-map.png").read_bytes()
    assert {"python", "numpy"} <= found["versions"].keys()
    assert len(found["states"]) == 60
    at_goal = [one for one in found["states"] if one["cell"] == [4, 4]]
    assert len(at_goal) == 6
    for one in at_goal:
        assert one["exact"]
        assert one["power"] == pytest.approx(1 / 2, abs=1e-12)
    assert all(1 / 2 < one["power"] < 1 for one in found["states"] if one not in at_goal)
    unmoved = found["cells"]["all else as at the start"]
    assert [2, 2] not in [one["cell"] for one in unmoved]  # the box stands there
    assert all(one["states"] == 1 for one in unmoved)
    assert sum(one["states"] for one in found["cells"]["mean over all states"]) == 60
    every = pd.read_csv(folder / "cells.csv")
    shown = pd.read_csv(folder / "highest-and-lowest.csv")
    for name, cells in found["cells"].items():
        table = every[every["map"] == name]
        assert table["POWER"].tolist() == [one["power"] for one in cells]
        ranks = [rank for rank in range(1, len(cells) + 1) if not 5 < rank <= len(cells) - 5]
        assert shown[shown["map"] == name]["rank"].tolist() == ranks


def test_power_map_of_nine_cells_agrees_with_its_reference_values(tmp_path):
    options = {"world": "grid3", "gamma": 0.6, "draws": 4000}
    found = results(studies.run("power-map", **options, out=tmp_path), "power-map")
    assert [one["where"] for one in found["reference"]] == ["corner", "edge", "centre"]
    for one in found["reference"]:
        assert abs(one["measured"] - one["reference"]) < one["three_sigma"]
    assert "all else as at the start" not in found["cells"]


def test_reference_values_are_shown_for_no_other_discount(tmp_path):
    options = {"world": "grid3", "gamma": 0.7, "draws": 10}
    assert not results(studies.run("power-map", **options, out=tmp_path), "power-map")["reference"]


def test_few_draws_have_students_interval(tmp_path):
    """12.7 standard errors of two draws."""
    options = {"world": "grid3", "gamma": 0.6, "draws": 2}
    folder = studies.run("power-map", **options, out=tmp_path)
    cells = results(folder, "power-map")["cells"]["mean over all states"]
    half = stats.t.ppf(0.975, 1) * np.array([one["standard_error"] for one in cells])
    table = pd.read_csv(folder / "cells.csv")
    assert np.allclose(table["POWER high"] - table["POWER"], half)
    assert np.allclose(table["POWER"] - table["POWER low"], half)


def test_a_cell_has_the_mean_of_the_states_that_share_it():
    place = find_place("damage")
    power = state_power(place, 0.9, 20, np.random.default_rng(0))
    cells = by_cell(place, power, place.unchanged)
    for cell in np.ndindex(*place.board.shape):
        here = (place.cell == cell).all(axis=1) & place.unchanged
        assert cells.states[cell] == here.sum()
        mean = power.mean[here].mean() if here.any() else math.nan
        assert cells.mean[cell] == pytest.approx(mean, nan_ok=True)
    # Nothing can be done at the goal, where the episode is over.
    assert np.argwhere(cells.ends).tolist() == [[1, 3]]


@pytest.mark.parametrize("gamma", [0, 0.99, 1])
def test_every_state_is_mapped_whether_or_not_it_can_be_integrated(tmp_path, gamma):
    """At .99 one state's futures are too alike for the geometry."""
    options = {"world": "correction", "gamma": gamma, "draws": 10}
    found = results(studies.run("power-map", **options, out=tmp_path), "power-map")
    assert all(0 < one["power"] < 1 for one in found["states"])


def test_power_orbits_gives_closed_forms_reference_counts_and_the_negative_control(tmp_path):
    folder = studies.run("power-orbits", gammas="0.3,1", draws=4, out=tmp_path)
    tables = {"closed-forms.csv", "orbits.csv", "tables.json"}
    files = {path.name for path in folder.iterdir() if path.suffix not in (".pdf", ".svg")}
    assert files == {"power-orbits.json", "power-orbits.png"} | tables
    found = results(folder, "power-orbits")
    assert found["closed_forms"]
    for one in found["closed_forms"]:
        assert one["measured"] == pytest.approx(one["exact"], abs=1e-6)
    known = [one for one in found["orbits"] if one["reference"]]
    assert len(known) == 6
    for one in known:
        assert [one["counts"]["more"], one["counts"]["less"]] == one["reference"]
        assert one["proofs"] == 1
    control = [one for one in found["orbits"] if one["less"] == "∅"]
    for one in control:
        assert one["proofs"] == (2 if one["gamma"] == 1 else 0)
    agree = {one["counts"]["more"] > one["counts"]["less"] for one in control if one["gamma"] < 0.6}
    assert agree == {True, False}


def test_delayed_specification_finds_the_reference_residuals_of_options(tmp_path):
    options = {"worlds": "options", "draws": 20, "seeds": 2}
    found = results(
        studies.run("delayed-specification", **options, out=tmp_path), "delayed-specification"
    )
    fixed = {one["truth"]: one for one in found["residuals"] if one["revelation"] == "fixed"}
    expected = {
        "true, as coded": 471.888,
        "inverted, as coded": -2.020,
        "true, corner only": 496.044,
        "inverted, corner only": -496.044,
    }
    for truth, value in expected.items():
        assert np.allclose(fixed[truth]["by_seed"], value, atol=5e-4, rtol=0)
    for one in found["regrets"]:
        assert 0 <= one["aup"]["value"] < one["standard"]


def test_a_single_seed_has_no_interval_and_other_settings_no_reference_values(tmp_path):
    options = {"worlds": "damage", "draws": 5, "seeds": 1, "time": 3, "auxiliary": 2}
    found = results(
        studies.run("delayed-specification", **options, out=tmp_path), "delayed-specification"
    )
    assert {one["revelation"] for one in found["residuals"]} == {"fixed", "geometric", "random"}
    for one in found["residuals"]:
        assert one["mean"]["low"] is None
        assert one["reference"] == ""


def test_a_single_random_reward_says_nothing_about_others_and_a_known_one_is_no_sample(tmp_path):
    options = {"worlds": "damage", "draws": 1, "seeds": 4, "time": 3, "auxiliary": 2}
    found = results(
        studies.run("delayed-specification", **options, out=tmp_path), "delayed-specification"
    )
    for one in found["residuals"]:
        random = one["truth"] == "any reward"
        assert one["reward_error"] == (None if random else 0)
        assert (one["mean"]["low"] is None) == random


@pytest.mark.parametrize("rewards", [2, 5, 1000])
def test_agents_that_all_score_the_same_leave_the_rewards_own_interval(rewards):
    drawn = np.random.default_rng(0).random(rewards)
    error = drawn.std(ddof=1) / np.sqrt(rewards)
    mean = mean_residual(np.full(3, drawn.mean()), error, rewards)
    low, high = stats.ttest_1samp(drawn, 0).confidence_interval()
    assert (mean.low, mean.high) == pytest.approx((low, high))


def numbered_as(task, transitions):
    """The task's states in the other world's order, found by walking both from their starts."""
    match = {0: task.start}
    for state, row in enumerate(transitions):
        for there, here in zip(row, task.next_state[match[state]], strict=True):
            assert match.setdefault(int(there), int(here)) == here
    assert sorted(match.values()) == list(range(len(task.goal)))
    return [match[state] for state in range(len(transitions))]


def test_the_task_options_is_the_world_written_down_for_the_tests_of_impact():
    task = find_task("options")
    _, transitions, goal, moved, corner = side_effect_worlds.options()
    order = numbered_as(task, transitions)
    assert (task.goal[order] == goal).all()
    assert (task.true["true, as coded"][order] == goal - 2.0 * moved).all()
    assert (task.true["true, corner only"][order] == goal - 2.0 * corner).all()


def test_the_task_damage_is_the_world_written_down_for_the_tests_of_impact():
    task = find_task("damage")
    _, transitions, goal, gone, _ = side_effect_worlds.damage()
    order = numbered_as(task, transitions)
    assert (task.goal[order] == goal).all()
    assert (task.true["true, as coded"][order] == goal - 2.0 * gone).all()
    assert (task.true["inverted, as coded"] == -task.true["true, as coded"]).all()


def test_without_weight_aup_is_the_standard_agent():
    task = find_task("damage")
    auxiliary = np.random.default_rng(0).random((3, len(task.goal)))
    assert (aup_policy(task, 0.9, 0.0, auxiliary) == standard_policy(task, 0.9)).all()


@pytest.mark.parametrize(
    ("study", "options", "complaint"),
    [
        ("power-map", {"world": "opitons"}, "did you mean 'options'"),
        ("power-map", {"world": "grid99"}, "2 to 20 cells a side"),
        ("power-map", {"gamma": 1.5}, r"gamma=1\.5: must be a number, from 0 to 1"),
        ("power-map", {"gamma": "nan"}, "from 0 to 1"),
        ("power-map", {"draws": 1}, "draws=1: must be a whole number, at least 2"),
        ("power-map", {"seed": -1}, "seed=-1"),
        ("power-orbits", {"gammas": "a"}, "separated by commas"),
        ("power-orbits", {"gammas": "2"}, "gammas=2: must be numbers, .* from 0 to 1"),
        ("power-orbits", {"draws": 0}, "at least 1"),
        ("delayed-specification", {"worlds": "sushi"}, "worlds=sushi"),
        ("delayed-specification", {"gamma": 1}, "below 1"),
        ("delayed-specification", {"weight": -1}, "weight=-1"),
        ("delayed-specification", {"time": 0}, "time=0"),
    ],
)
def test_impossible_requests_are_refused_before_anything_is_written(
    tmp_path, study, options, complaint
):
    with pytest.raises(ConfigError, match=complaint):
        studies.run(study, **options, out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("study", NEW)
def test_help_explains_every_option(study, capsys):
    assert main(["study", study, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "seed=0  (a whole number, at least 0)" in shown


def test_what_impact_refuses_ends_with_one_line_and_exit_code_2(capsys):
    assert main(["study", "delayed-specification", "gamma=1"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
