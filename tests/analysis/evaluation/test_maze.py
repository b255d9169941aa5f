"""Evaluation counts what it says it counts."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from chisel import configs
from chisel.analysis.evaluation import Player, Situation, evaluate, evaluator_of
from chisel.analysis.evaluation.held_out import once_each
from chisel.analysis.evaluation.scores import scores_of
from chisel.analysis.results import plain, proportion
from chisel.configs import CheckpointError, ConfigError
from chisel.envs.maze import WALL, make_evaluation
from chisel.models import Spaces, build


def by_hand(agent, placement):
    """A mouse that only goes right solves mazes whose cheese is in the open bottom corridor."""
    options = agent.config.eval
    env, level_set = make_evaluation(
        agent.config.env,
        levels=options.levels,
        split=options.split,
        seed=options.seed,
        cheese=placement,
    )
    env.close()
    solved, walls = [], []
    for level in (level_set[i] for i in range(len(level_set))):
        row = level.grid[0] != WALL
        corridor = len(row) if row.all() else int(np.argmin(row))
        solved.append(any(r == 0 and c < corridor for r, c in level.cheese))
        walls.append((level.grid == WALL).tobytes())
    return solved, walls


def over_layouts(solved, walls):
    """The mean over layouts of the share solved in each, and how many layouts there are."""
    of = {}
    for one, layout in zip(solved, walls, strict=True):
        of.setdefault(layout, []).append(one)
    return np.mean([np.mean(ends) for ends in of.values()]), len(of)


def test_scores_of_a_blind_policy_follow_from_its_levels(rightward, tmp_path):
    evaluation = evaluate(rightward, out=tmp_path / "out", overrides=["eval.levels=60"])
    agent = replace(rightward, config=configs.override(rightward.config, ["eval.levels=60"]))
    for placement in ("as-trained", "anywhere"):
        solved, walls = by_hand(agent, placement)
        assert any(solved) or placement == "as-trained"
        score = evaluation.score(cheese=placement)
        share, layouts = over_layouts(solved, walls)
        assert layouts < score.episodes == 60, "small mazes repeat"
        metrics = score.metrics
        assert {metrics[name].n for name in ("success", "efficient", "return")} == {layouts}
        assert metrics["success"].value == metrics["efficient"].value == pytest.approx(share)
        assert metrics["return"].value == pytest.approx(10 * share)
        for size in {int(len(layout) ** 0.5) for layout in walls}:
            part = evaluation.score(cheese=placement, group=size)
            here = [n for n, layout in enumerate(walls) if len(layout) == size**2]
            share, layouts = over_layouts([solved[n] for n in here], [walls[n] for n in here])
            assert (part.episodes, part.metrics["success"].n) == (len(here), layouts)
            assert part.metrics["success"].value == pytest.approx(share)


def test_efficiency_means_at_most_twice_the_shortest_path():
    facts = {
        "level_index": np.array([0, 1, 2, 3, 4, -1]),
        "size": np.array([5, 5, 5, 7, 7, 7]),
        "shortest_path": np.array([4, 4, 4, 6, -1, 6]),
        "success": np.array([True, True, False, True, False, True]),
        "l": np.array([8, 9, 4, 6, 20, 6]),
        "r": np.array([10.0, 10, 0, 10, 0, 10]),
        "layout": np.array([11, 12, 13, 14, 15, 14]),
        "in_region": np.ones(6, bool),
    }
    evaluator = evaluator_of(configs.load("maze/quick"))
    table = evaluator.table(once_each(facts))
    found = scores_of(evaluator, table, Player("agent", None), Situation(), (0,))
    scores = {score.group.get("size"): score for score in found}
    assert list(scores) == [None, 5, 7]
    assert scores[None].episodes == 5, "the surplus episode does not count"
    assert scores[None].metrics["success"] == proportion(3, 4), "there is no way to a cheese"
    assert scores[None].metrics["efficient"] == proportion(2, 4)
    assert scores[5].metrics["efficient"] == proportion(1, 3)
    assert scores[7].metrics["length"].value == 6
    assert scores[None].metrics["return"].value == 7.5


def test_the_same_settings_give_the_same_numbers_and_another_seed_others(run_folder, tmp_path):
    first, again, other = (
        plain(evaluate(run_folder, out=tmp_path / str(n), overrides={"eval.seed": seed}))
        for n, seed in enumerate((5, 5, 6))
    )
    assert first == again
    assert first["scores"] != other["scores"]


def test_the_file_holds_the_scores_and_where_they_come_from(run_folder):
    evaluation = evaluate(run_folder)
    assert evaluation.data == run_folder / "studies" / "eval" / "eval.json"
    stored = json.loads(evaluation.data.read_text())
    assert stored == plain(evaluation)
    (checkpoint,) = run_folder.glob("checkpoints/*.ckpt")
    assert stored["checkpoint"] == str(checkpoint)
    assert f"{stored['sha256']}  " in checkpoint.with_suffix(".ckpt.sha256").read_text()
    assert stored["env_steps"] == 12_000
    assert stored["seed"] == 1000
    assert stored["config"]["eval"]["levels"] == 12
    assert stored["command"] == f"chisel eval {checkpoint}"
    assert stored["evaluator"] == "maze"
    assert {"name": "success", "within": [0, 1], "better": "higher"} in stored["metrics"]
    assert stored["settings"]["eval.levels"] == "12"
    assert not {"env.num_envs", "env.levels.split"} & stored["settings"].keys()
    kinds = {(s["situation"]["cheese"], s["player"]) for s in stored["scores"]}
    assert kinds == {(c, p) for c in ("as-trained", "anywhere") for p in ("agent", "random")}


def test_the_episodes_beside_the_file_have_the_means_that_are_its_scores(run_folder):
    evaluation = evaluate(run_folder)
    episodes = pd.read_csv(evaluation.data.with_suffix(".csv"))
    for score in evaluation.scores:
        asked = {"player": score.player, **score.situation, **score.group}
        rows = episodes[(episodes[list(asked)] == pd.Series(asked)).all(axis=1)]
        assert len(rows) == score.episodes
        for name, estimate in score.metrics.items():
            of_layouts = rows.groupby("layout")[name].mean()
            assert of_layouts.mean() == pytest.approx(estimate.value)
            assert of_layouts.count() == estimate.n


def test_the_table_shows_every_size_beside_the_random_policy(run_folder):
    evaluation = evaluate(run_folder)
    table = evaluation.table()
    assert table.row_count == len(evaluation.scores)
    assert [column.header for column in table.columns][:5] == [
        "cheese",
        "size",
        "player",
        "episodes",
        "layouts",
    ]
    assert list(table.columns[2].cells) == ["agent", "random"] * (table.row_count // 2)
    with pytest.raises(KeyError):
        evaluation.score(cheese="anywhere", group=4)


def test_progress_names_player_and_placement_and_ends_at_the_total(run_folder):
    calls = {}
    evaluate(run_folder, progress=lambda label, done, of: calls.update({label: (done, of)}))
    assert list(calls) == [
        "agent, cheese as-trained",
        "random, cheese as-trained",
        "agent, cheese anywhere",
        "random, cheese anywhere",
    ]
    assert all(done == of for done, of in calls.values())


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("ablate=cheese", "trained without routing.regions"),
        ("steer=v.pt", "needs FILE:COEFF"),
        ("algo.gamma=0.5", "an evaluation takes"),
        ("env=maze/hard", r"published \.pth"),
        ("eval.level=3", "did you mean"),
        ("eval.levels=0", "eval.levels"),
        ("env.mode=huge", "env.mode"),
    ],
)
def test_settings_that_do_not_apply_to_mazes_are_refused(run_folder, override, complaint):
    with pytest.raises(ConfigError, match=complaint):
        evaluate(run_folder, overrides=[override])
    assert not (run_folder / "studies").exists()


def test_an_agent_for_another_view_is_refused_with_what_differs(run_folder):
    with pytest.raises(CheckpointError, match=r"\[9, 9, 3\].*\[64, 64, 3\]"):
        evaluate(run_folder, overrides=["env.observation=pixels"])


def test_published_weights_play_in_the_environment_of_an_experiment(tmp_path):
    hard = configs.load("maze/hard", ["model.channels=[2,2,2]"])
    model = build(hard.model, Spaces((64, 64, 3), "uint8", 255.0, 15))
    path = tmp_path / "model.pth"
    torch.save({"model_state_dict": model.state_dict(), "optimizer_state_dict": {}}, path)
    few = ["eval.levels=3", "eval.num_envs=3", "env.timeout=5", "env.num_threads=0"]
    evaluation = evaluate(path, overrides=["env=maze/hard", *few], out=tmp_path / "out")
    assert evaluation.score(cheese="anywhere").episodes == 3
    assert evaluation.origin["config"]["env"]["mode"] == "hard"
    assert evaluation.origin["config"]["env"]["timeout"] == 5
    assert evaluation.origin["trained_on"] is None, "the experiment is not what they trained on"
    assert not evaluation.origin["held_out"]
    with pytest.raises(ConfigError, match="carries no config; say env=EXPERIMENT"):
        evaluate(path, out=tmp_path / "out")
