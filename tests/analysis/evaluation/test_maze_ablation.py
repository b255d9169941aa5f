"""The ablation matrix of a maze agent is its evaluations side by side."""

import json

import numpy as np
import pytest

from chisel import routing
from chisel.analysis.ablation import ablation_figure
from chisel.analysis.ablation.matrix import NONE
from chisel.analysis.evaluation import agent_ablation_matrix, evaluator_of, held_out
from chisel.analysis.evaluation.held_out import layouts_of
from chisel.analysis.results import plain
from chisel.configs import ConfigError, load, override
from chisel.models import load_agent

FACTS = {
    "outcome": np.array([0, 1, 2, 1, 0]),
    "success": np.array([False, True, True, True, False]),
    "in_region": np.array([True, True, False, False, True]),
    "shortest_path": np.array([4, 4, 4, 4, -1]),
    "l": np.array([30, 8, 4, 9, 30]),
    "r": np.array([0.0, 10, 10, 10, 0]),
}


def test_with_two_goals_the_metrics_tell_them_apart():
    columns = evaluator_of(load("maze/routed")).table(FACTS)
    metrics = ["P(cheese)", "P(corner)", "P(neither)", "efficient", "return", "length"]
    assert list(columns)[:6] == metrics
    nan = np.nan
    np.testing.assert_array_equal(columns["P(cheese)"], [0, 1, 0, 1, nan])
    np.testing.assert_array_equal(columns["P(corner)"], [0, 0, 1, 0, nan])
    np.testing.assert_array_equal(columns["P(neither)"], [1, 0, 0, 0, nan])
    np.testing.assert_array_equal(columns["efficient"], [0, 1, 1, 0, nan])
    np.testing.assert_array_equal(columns["return"], [0, 10, 10, 10, nan])


def test_with_one_goal_success_is_split_by_region():
    evaluator, nan = evaluator_of(load("maze/quick")), np.nan
    columns = evaluator.table(FACTS)
    np.testing.assert_array_equal(columns["success in region"], [0, 1, nan, nan, nan])
    np.testing.assert_array_equal(columns["success elsewhere"], [nan, nan, 1, 1, nan])
    np.testing.assert_array_equal(columns["success"], [0, 1, 1, 1, nan])
    always = evaluator.table(FACTS | {"in_region": np.ones(5, bool)})
    assert always[["success in region", "success elsewhere"]].isna().all(axis=None)


def test_the_matrix_of_a_maze_agent_is_its_evaluations_side_by_side(right_then_up, tmp_path):
    agent = load_agent(right_then_up)
    matrix = agent_ablation_matrix(agent, overrides=["eval.levels=30"], controls=2)
    assert len(matrix.rows) == 1 + 3 + 3 * 2
    np.testing.assert_array_equal(
        matrix["up"].values["P(cheese)"], matrix[NONE].values["P(cheese)"]
    )
    assert (matrix["right"].values["P(cheese)"] != matrix[NONE].values["P(cheese)"]).any()
    for row in matrix.rows:
        sums = sum(row.values[f"P({end})"] for end in ("cheese", "corner", "neither"))
        np.testing.assert_array_equal(sums, 1)
    with held_out(agent, override(agent.config, ["eval.levels=30"]), "anywhere") as mazes:
        layouts = layouts_of(mazes.level_set)
    assert (matrix.levels, matrix.layouts) == (30, len(set(layouts.tolist())))
    assert matrix.layouts < 30, "small mazes repeat"
    for row in matrix.rows:
        ends = row.values["P(cheese)"]
        shares = [ends[layouts == layout].mean() for layout in set(layouts.tolist())]
        assert row.metrics["P(cheese)"].value == pytest.approx(np.mean(shares))
        assert row.metrics["P(cheese)"].n == matrix.layouts
    table = matrix.table("title")
    assert table.headings == ["without", "shown", *matrix.metrics]
    assert len(table.rows) == 2 * len(matrix.rows) - 1, "the whole network has no change"
    assert table.rows[4]["P(cheese)"] == matrix["up"].change["P(cheese)"]
    json.dumps(plain(matrix), allow_nan=False)
    assert len(ablation_figure(matrix, "title").axes) == len(matrix.metrics)


def test_an_agent_without_regions_has_no_matrix_unless_given_some(run_folder):
    agent = load_agent(run_folder)
    with pytest.raises(ConfigError, match="no regions"):
        agent_ablation_matrix(agent)
    regions = routing.resolve(
        agent.model, {"half": [{"module": "embedder.relufc", "units": "0:4"}]}
    )
    matrix = agent_ablation_matrix(agent, regions=regions, controls=1, mode="resample")
    assert [row.name for row in matrix.rows] == [NONE, "half", "random:half 1"]
    assert set(matrix.metrics) >= {"success", "efficient", "return"}
