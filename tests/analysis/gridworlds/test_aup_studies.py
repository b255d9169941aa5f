"""The studies of AUP: small ones end as is known, say so in JSON, and are drawn."""

import json

import numpy as np
import pandas as pd
import pytest

from chisel.analysis import studies
from chisel.analysis.gridworlds import side_effects
from chisel.analysis.gridworlds.aup_figures import Passes
from chisel.analysis.results.estimates import proportion
from chisel.configs import ConfigError
from chisel.impact import AGENTS

WRITTEN = {"aup-ablation.json", "passes.csv", "tables.json"}


def _written(folder):
    return {path.name for path in folder.iterdir() if path.suffix not in (".pdf", ".svg")}


def test_the_ablation_of_damage_ends_as_published_where_no_chance_is_in_it(tmp_path):
    options = {"worlds": "damage", "seeds": "2", "rr_seeds": 1}
    folder = studies.run("aup-ablation", out=tmp_path, **options)
    pictures = {"aup-ablation.png", "aup-learning.png"}
    assert _written(folder) == WRITTEN | pictures
    found = json.loads((folder / "aup-ablation.json").read_text())
    assert found["agreement"]["cells"] == 6  # no verdict on relative reachability has a source
    assert found["command"] == "chisel study aup-ablation seeds=2 rr_seeds=1 worlds=damage"
    cells = {cell["agent"]: cell for cell in found["cells"]}
    assert list(cells) == [agent.name for agent in AGENTS]
    standard = cells["Standard"]
    assert (standard["passed"], standard["n"], standard["published"]) == (0, 2, False)
    assert standard["outcomes"]["side effect, complete"] == 2
    reachability = cells["Relative reachability"]
    assert (reachability["passed"], reachability["n"], reachability["published"]) == (1, 1, None)
    assert cells["Starting state"]["artefact"] is None


def test_keys_flip_the_verdict_that_is_marked_as_an_artefact(tmp_path):
    shares = {}
    for keys in ("board", "state"):
        options = {"worlds": "interference", "seeds": 2, "rr_seeds": 1, "keys": keys}
        folder = studies.run("aup-ablation", out=tmp_path / keys, **options)
        cells = json.loads((folder / "aup-ablation.json").read_text())["cells"]
        (cell,) = (cell for cell in cells if cell["agent"] == "Starting state")
        assert "by state" in cell["artefact"]
        shares[keys] = cell["passed"]
    assert shares["board"] < shares["state"] == 2


def test_exact_agents_have_no_learning_curve_and_worlds_without_a_verdict_agree(tmp_path):
    options = {"preset": "exact", "worlds": "vase", "seeds": 2, "rr_seeds": 1}
    folder = studies.run("aup-ablation", out=tmp_path, **options)
    assert _written(folder) == WRITTEN | {"aup-ablation.png"}
    found = json.loads((folder / "aup-ablation.json").read_text())
    assert found["agreement"] == {"cells": 0, "agree": 0}
    assert {cell["published"] for cell in found["cells"]} == {None}


def test_trials_do_not_depend_on_which_other_worlds_there_are_or_on_how_many(tmp_path):
    outcomes = []
    for number, worlds in enumerate(("correction", "options,correction")):
        options = {"preset": "exact", "worlds": worlds, "seeds": 3, "rr_seeds": 1}
        folder = studies.run("aup-ablation", out=tmp_path / str(number), **options)
        cells = json.loads((folder / "aup-ablation.json").read_text())["cells"]
        outcomes.append([cell for cell in cells if cell["world"] == "correction"])
    assert outcomes[0] == outcomes[1]
    few, many = (side_effects.trials(1, "vase", count) for count in (2, 5))
    assert [one.random() for one in few] == [one.random() for one in many[:2]]


def test_a_sweep_over_the_number_of_rewards_has_the_side_effect_without_any(tmp_path):
    options = {"over": "rewards", "worlds": "options", "trials": 1}
    folder = studies.run("aup-sweep", out=tmp_path, **options)
    assert (folder / "aup-sweep.png").is_file()
    (sweep,) = json.loads((folder / "aup-sweep.json").read_text())["sweeps"]
    assert (sweep["over"], sweep["world"]) == ("rewards", "options")
    assert sweep["values"] == list(range(0, 50, 5))
    assert sweep["counts"][0] == [0, 1, 0, 0]
    assert sweep["counts"][-1] == [0, 0, 0, 1]
    assert np.sum(sweep["counts"], axis=1).tolist() == [1] * 10
    table = pd.read_csv(folder / "by-rewards.csv")
    assert list(table) == ["world", "|R|", *side_effects.OUTCOMES]
    assert table[["|R|", *side_effects.OUTCOMES]].to_numpy().tolist() == [
        [value, *counts] for value, counts in zip(sweep["values"], sweep["counts"], strict=True)
    ]


@pytest.mark.parametrize("agent", ["planner", "model-free"])
def test_the_cliff_at_one_is_there_only_where_ends_are_worth_nothing(tmp_path, agent):
    options = {"agent": agent, "worlds": "damage", "draws": 4, "lambdas": "1.05,.95"}
    folder = studies.run("aup-phase", out=tmp_path, **options)
    assert (folder / "aup-phase.png").is_file()
    found = json.loads((folder / "aup-phase.json").read_text())
    assert found["lambdas"] == [0.95, 1.05]
    counts = {phase["ends"]: np.array(phase["counts"]) for phase in found["phases"]}
    completed = {ends: rows[:, [1, 3]].sum(axis=1).tolist() for ends, rows in counts.items()}
    assert completed == {"zero": [4, 0], "absorbing": [4, 4]}


def test_outcomes_are_told_by_the_nearest_performance():
    counts = side_effects.outcome_counts(np.array([[-2.0, -1, 0, 1], [0.8, 0.8, -2.4, 0]]))
    assert counts.tolist() == [[1, 1, 1, 1], [1, 0, 1, 2]]


def test_a_trial_passes_if_it_is_as_good_as_its_world_allows():
    performance = [0.0, 1.0, -1.0]
    assert side_effects.share_of_passes("correction", performance) == proportion(2, 3)
    assert side_effects.share_of_passes("options", performance) == proportion(1, 3)


def test_a_cell_agrees_if_more_than_half_of_its_trials_do():
    def cell(passed, published):
        found = Passes("AUP", "options", proportion(passed, 10), published, artefact=None)
        assert found.passed == passed
        return found

    assert cell(6, True).agrees
    assert not cell(5, True).agrees  # half is no majority
    assert cell(5, False).agrees
    assert cell(0, None).agrees


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("aup-ablation", {"preset": "as-publishd"}, "did you mean 'as-published'"),
        ("aup-ablation", {"keys": "boards"}, "did you mean 'board'"),
        ("aup-ablation", {"preset": "exact", "keys": "board"}, "give 'state'"),
        ("aup-ablation", {"worlds": "option"}, "did you mean 'options'"),
        ("aup-ablation", {"worlds": "options,options"}, "options is given twice"),
        ("aup-ablation", {"seeds": 0}, "seeds=0: must be a whole number, at least 1"),
        ("aup-ablation", {"seed": -1}, "at least 0"),
        ("aup-sweep", {"over": "gama"}, "did you mean 'gamma'"),
        ("aup-sweep", {"trials": 0}, "at least"),
        ("aup-phase", {"lambdas": "0;1"}, "numbers, separated by commas"),
        ("aup-phase", {"lambdas": "-1"}, "lambdas=-1: must be .* at least 0"),
        ("aup-phase", {"rewards": -1}, "rewards=-1: must be a whole number, at least 0"),
    ],
)
def test_impossible_requests_are_refused_before_anything_is_made(
    tmp_path, name, options, complaint
):
    with pytest.raises(ConfigError, match=complaint):
        studies.run(name, out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
