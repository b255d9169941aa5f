"""Episodes on held-out mazes agree with a slow replay; edits and filters are right."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from chisel.analysis import studies
from chisel.analysis.maze.behaviour import (
    cheese_in_corners,
    decision_episodes,
    misgeneralisation,
)
from chisel.analysis.maze.behaviour.episodes import COLUMNS, CornerWatch
from chisel.analysis.maze.behaviour.summary import CORNERS, ENDS, GAP, OFF, ON, OUTSIDE, played
from chisel.configs import ConfigError
from chisel.envs.maze import MOVE_DELTAS, MOVE_OF_ACTION, make_evaluation
from chisel.models import load_agent
from tests.analysis.conftest import make_run, right_or_up

WIDE = ["eval.num_envs=64", "env.timeout=60"]


@pytest.fixture
def untrained(tmp_path):
    return load_agent(make_run(tmp_path / "untrained", overrides=WIDE))


def stepped(state, action):
    """Return the square that the mouse goes to, by the rules of the game."""
    row, col = np.add(state.mouse, MOVE_DELTAS[MOVE_OF_ACTION[action]]).tolist()
    inside = 0 <= row < state.maze_dim and 0 <= col < state.maze_dim
    return (row, col) if inside and state.open[row, col] else state.mouse


def test_visits_to_the_corner_agree_with_a_slow_replay(untrained):
    config = untrained.config
    env, _ = make_evaluation(config.env, levels=64, num_envs=8, cheese="anywhere", sizes=[3, 5])
    watched, draws = CornerWatch(env), np.random.default_rng(0)
    watched.reset(seed=0)
    been, seen = np.zeros(8, bool), []
    for _ in range(120):
        states, actions = env.maze_states(), draws.choice([0, 3, 5, 5, 7, 7], 8)
        for row, state in enumerate(states):
            been[row] |= stepped(state, actions[row]) == (state.maze_dim - 1,) * 2
        ended, infos = watched.step(actions)[2::2]
        for row in np.flatnonzero(ended):
            assert infos["episode"]["corner"][row] == been[row]
            seen.append(been[row])
            been[row] = False
    env.close()
    assert {True, False} == set(map(bool, seen))


def test_decision_episodes_have_every_column_and_the_cheese_outside(untrained):
    frame = decision_episodes(untrained, untrained.config, levels=40, split="train")
    assert 0 < len(frame) < 40
    assert not frame["in_region"].any()
    assert set(frame.columns) == {"cheese", *COLUMNS}
    offset = np.hypot(frame["row_offset"], frame["col_offset"])
    np.testing.assert_allclose(offset, frame["euclid_cheese_square"])
    corner = np.hypot(frame["row_corner"], frame["col_corner"])
    np.testing.assert_allclose(corner, frame["euclid_cheese_corner"])
    assert (frame["steps_cheese_square"] > 0).all()
    everything = decision_episodes(
        untrained, untrained.config, levels=40, split="train", outside=False
    )
    assert len(everything) == 40
    np.testing.assert_array_equal(everything["l"][~everything["in_region"]], frame["l"])


def test_the_gap_is_between_the_same_mazes(untrained):
    options = {"levels": 50, "split": "train"}
    rows = misgeneralisation(untrained, untrained.config, np.random.default_rng(0), **options)
    assert set(rows) == {ON, OFF, OUTSIDE, GAP}
    for row in rows.values():
        values = [row[end].value for end in ENDS]
        assert all(-1 <= value <= 1 for value in values)
    frames = list(played(untrained, untrained.config, **options).values())
    common = set(frames[0]["level_seed"].tolist()) & set(frames[1]["level_seed"].tolist())
    assert len(common) > 40
    shares = [f["cheese"][np.isin(f["level_seed"], list(common))].mean() for f in frames]
    assert rows[GAP]["P(cheese)"].value == pytest.approx(shares[0] - shares[1])


def test_an_agent_that_goes_right_finds_what_lies_to_the_right_only(tmp_path):
    logits = torch.full((15,), -1e9)
    logits[[7, 5]] = torch.tensor([0.0, -1e5])
    agent = load_agent(make_run(tmp_path / "right", logits=logits, overrides=WIDE))
    found = cheese_in_corners(
        agent, agent.config, np.random.default_rng(0), levels=24, split="train"
    )
    assert set(found) == set(CORNERS)
    assert found["top left"]["P(cheese)"].value == 0
    assert found["bottom left"]["P(cheese)"].value == 0
    assert found["bottom right"]["P(cheese)"].value > 0
    assert found["top right"]["P(cheese)"].value == found["top right"]["P(corner)"].value


def test_where_the_corner_is_a_goal_the_cheese_is_not_put_there(tmp_path):
    overrides = [*WIDE, "env.goals=cheese-and-corner", "env.cheese=stock"]
    agent = load_agent(make_run(tmp_path / "two", edit=right_or_up, overrides=overrides))
    draws = np.random.default_rng(0)
    found = cheese_in_corners(agent, agent.config, draws, levels=8, split="train")
    assert set(found) == {"top left", "bottom right"}
    rows = misgeneralisation(agent, agent.config, draws, levels=16, split="train")
    assert set(rows) == {OFF}
    sums = sum(rows[OFF][end].value for end in ENDS)
    assert sums == pytest.approx(1)


@pytest.mark.slow
def test_the_study_writes_everything_for_a_group_of_seeds(tmp_path, capsys):
    for seed in (0, 1):
        make_run(
            tmp_path / "group" / f"seed-{seed}",
            overrides=[*WIDE, "env.timeout=150", f"seed={seed}"],
        )
    options = {"checkpoint": tmp_path / "group", "levels": 200, "split": "train"}
    folder = studies.run("behaviour", **options)
    assert folder == tmp_path / "group" / "studies" / "behaviour-levels-200-split-train"
    figures = {f"{name}.png" for name in ("ends", "regression", "heat-maps", "correlations")}
    tables = {f"{name}.csv" for name in ("ends", "regression", "predictions", "signs", "episodes")}
    names = {path.name for path in folder.iterdir() if path.suffix not in (".pdf", ".svg")}
    assert names == {"behaviour.json", "tables.json"} | figures | tables
    assert set(pd.read_csv(folder / "episodes.csv")["run"]) == {0, 1}
    found = json.loads((folder / "behaviour.json").read_text())
    assert found["intervals"] == "95 %, over 2 training seeds"
    assert len(found["runs"]) == len(found["of_each"]) == 2
    each = [one["summary"][OFF]["P(cheese)"]["value"] for one in found["of_each"]]
    joined = found["estimates"]["summary"][OFF]["P(cheese)"]
    assert joined["value"] == pytest.approx(np.mean(each))
    assert joined["n"] == 2
    assert "Logistic regression" in capsys.readouterr().out


def test_impossible_requests_are_one_line(tmp_path):
    checkpoint = make_run(tmp_path / "run", overrides=WIDE)
    with pytest.raises(ConfigError, match="levels=0"):
        studies.run("behaviour", checkpoint=checkpoint, levels=0)
    still = torch.full((15,), -1e9)
    still[4] = 0
    lazy = make_run(tmp_path / "lazy", logits=still, overrides=WIDE)
    with pytest.raises(ConfigError, match="did you mean 'steps_cheese_square'"):
        studies.run("behaviour", checkpoint=checkpoint, variables="steps_cheese_sqare")
    with pytest.raises(ConfigError, match="0 ended at the cheese"):
        studies.run("behaviour", checkpoint=lazy, levels=30, split="train")
    assert not (lazy / "studies").exists()
