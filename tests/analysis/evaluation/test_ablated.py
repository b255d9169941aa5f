"""Ablated evaluations do to the network what they say, and keep apart from whole ones."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from chisel.analysis.evaluation import evaluate
from chisel.analysis.evaluation.interventions import MEAN_LEVELS, ablation_of
from chisel.cli.main import main
from chisel.configs import ConfigError
from chisel.envs.maze import WALL, make_evaluation
from chisel.models import load_agent, save_agent


def straight(agent, direction, levels):
    """Shares of cheese, corner and neither when the mouse walks one way until it is stopped.

    Means over layouts of the mean in each, and how many layouts there are.
    """
    options = agent.config.eval
    env, level_set = make_evaluation(
        agent.config.env, levels=levels, seed=options.seed, cheese="anywhere", decision=True
    )
    env.close()
    ends = {}
    for level in level_set:
        (cheese,), top = level.cheese, (level.size - 1, level.size - 1)
        row = column = 0
        while row < level.size and column < level.size and level.grid[row, column] != WALL:
            if (row, column) in (cheese, top):
                break
            row, column = row + direction[0], column + direction[1]
        end = [cheese, top].index((row, column)) if (row, column) in (cheese, top) else 2
        ends.setdefault((level.grid == WALL).tobytes(), []).append(np.eye(3)[end])
    shares = np.mean([np.mean(of_layout, axis=0) for of_layout in ends.values()], axis=0)
    return dict(zip(("cheese", "corner", "neither"), shares, strict=True)), len(ends)


@pytest.mark.parametrize(
    ("ablate", "direction"),
    [
        ([], (0, 1)),
        (["ablate=up"], (0, 1)),
        (["ablate=idle:resample"], (0, 1)),
        (["ablate=right"], (1, 0)),
        (["ablate=right:0.5,idle"], (1, 0)),
        (["ablate=right:0.7"], (0, 1)),
        (["ablate=right:mean"], (0, 1)),
    ],
)
def test_an_ablated_agent_moves_as_its_other_units_say(right_then_up, ablate, direction):
    evaluation = evaluate(right_then_up, overrides=["eval.levels=20", *ablate])
    score = evaluation.score(cheese="anywhere")
    expected, layouts = straight(load_agent(right_then_up), direction, 20)
    shares = {end: score.metrics[f"P({end})"] for end in expected}
    assert {end: share.value for end, share in shares.items()} == pytest.approx(expected)
    assert {share.n for share in shares.values()} == {layouts}
    success = 1 - expected["neither"]
    assert score.metrics["return"].value == pytest.approx(10 * success)
    assert score.metrics["efficient"].value == pytest.approx(success)


def test_the_directions_differ_on_these_levels(right_then_up):
    agent = load_agent(right_then_up)
    (right, _), (up, _) = straight(agent, (0, 1), 20), straight(agent, (1, 0), 20)
    assert right["cheese"] != up["cheese"]


def test_results_of_ablations_have_files_of_their_own(right_then_up):
    whole = evaluate(right_then_up)
    before = whole.data.read_bytes()
    ablated = evaluate(right_then_up, overrides=["ablate=right:mean,idle"])
    assert ablated.data.name == "eval-ablate-right-mean+idle.json"
    assert whole.data.read_bytes() == before
    stored = json.loads(ablated.data.read_text())
    assert stored["ablate"] == {"right": "mean", "idle": "zero"}
    assert stored["command"].endswith("ablate=right:mean,idle")
    assert "ablate" not in json.loads(before)
    assert "right (mean), idle (zero)" in ablated.table().title


def test_with_two_goals_the_file_tells_them_apart_and_all_levels_have_a_decision(right_then_up):
    evaluation = evaluate(right_then_up)
    stored = json.loads(evaluation.data.read_text())
    ends = ["P(cheese)", "P(corner)", "P(neither)"]
    for score in stored["scores"]:
        assert sum(score["metrics"][end]["value"] for end in ends) == pytest.approx(1)
    table = evaluation.table()
    assert [column.header for column in table.columns][5:8] == ends


def test_the_whole_agent_is_itself_again_after_an_ablated_evaluation(right_then_up):
    agent = load_agent(right_then_up)
    obs = torch.rand(5, 3, 9, 9)
    before = agent.policy(obs)
    evaluate(agent, overrides=["ablate=right", "eval.levels=4"])
    assert torch.equal(agent.policy(obs), before)


def test_means_are_over_the_states_of_a_play_of_the_whole_agent(right_then_up):
    agent = load_agent(right_then_up)
    seen = []
    model = agent.model
    hook = model.embedder.relufc.register_forward_hook(lambda m, i, o: seen.append(o.clone()))
    ablation = ablation_of(agent, agent.config, {"idle": "mean"})
    hook.remove()
    activations = torch.cat(seen)
    assert ablation.mean_states == len(activations) > MEAN_LEVELS
    assert torch.allclose(ablation.means["idle"][0], activations[:, 2:4].mean(0))
    assert ablation.to_plain() == {"ablate": {"idle": "mean"}, "mean_states": len(activations)}


def test_regions_travel_with_a_shipped_agent(right_then_up, tmp_path):
    agent = load_agent(right_then_up)
    shipped = load_agent(save_agent(tmp_path / "shipped", agent))
    assert shipped.regions == agent.regions
    one, two = (
        evaluate(which, overrides=["ablate=right"], out=tmp_path / str(n)).scores
        for n, which in enumerate((agent, shipped))
    )
    assert one == two


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("ablate=rihgt", "did you mean 'right'"),
        ("ablate=right:meen", "did you mean 'mean'"),
        ("ablate=right:inf", "not finite"),
        ("ablate=right,right", "given twice"),
        ("ablate=", "needs regions"),
        ("ablate=right,", "needs regions"),
    ],
)
def test_impossible_ablations_are_refused(right_then_up, setting, complaint):
    with pytest.raises(ConfigError, match=complaint):
        evaluate(right_then_up, overrides=[setting])
    assert not (right_then_up / "studies").exists()


def test_the_command_ablates_and_names_the_file(right_then_up, tmp_path, capsys):
    few = [f"out={tmp_path / 'out'}", "eval.levels=4"]
    assert main(["eval", str(right_then_up), "ablate=right:0.5", *few]) == 0
    printed = capsys.readouterr().out
    assert "without right (0.5)" in printed
    assert printed.split()[-1] == str(tmp_path / "out" / "eval-ablate-right-0.5.json")
    assert main(["eval", str(right_then_up), "ablate=rihgt", *few]) == 2
    assert "did you mean 'right'" in capsys.readouterr().err
    assert main(["eval", str(right_then_up), "ablate=", *few]) == 2
    assert "ablate=: no value" in capsys.readouterr().err


def test_a_single_maze_has_no_other_to_resample_from(right_then_up):
    with pytest.raises(ConfigError, match="several games"):
        evaluate(right_then_up, overrides=["ablate=right:resample", "eval.num_envs=1"])


def test_regions_that_do_not_fit_the_network_are_refused(right_then_up):
    agent = load_agent(right_then_up)
    wrong = replace(agent, regions={"far": [{"module": "embedder.relufc", "units": "99"}]})
    with pytest.raises(ConfigError, match="region far"):
        evaluate(wrong, overrides=["ablate=far"])
