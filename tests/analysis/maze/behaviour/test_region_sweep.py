"""Agents trained with the cheese in different regions are measured on the same mazes."""

import json
import math

import numpy as np
import pytest
import torch

from chisel.analysis import studies
from chisel.analysis.evaluation.held_out import held_out_levels
from chisel.analysis.maze.behaviour import RegionAgent, by_region
from chisel.configs import ConfigError
from chisel.envs.maze import paths
from chisel.models import load_agent
from tests.analysis.conftest import make_run

LEVELS = 60


def rightward(folder, bias, *overrides):
    """Make a run of an agent that goes right or waits, in the odds of `bias`, whatever it sees."""
    logits = torch.full((15,), -1e9)
    logits[7], logits[4] = 0, bias
    return make_run(folder, logits=logits, overrides=["eval.num_envs=32", *overrides])


def steps_right(agent, beyond):
    """Return whether the ways to cheese and corner go right from each decision square `[n, 2]`.

    Of levels whose cheese lies beyond a region, computed slowly from both paths.
    """
    level_set = held_out_levels(
        agent, agent.config.env, "anywhere", levels=LEVELS, split="train", seed=3, decision=True
    )
    found = []
    for number in range(LEVELS):
        state = level_set.state(number)
        (cheese,), last = state.cheese, state.maze_dim - 1
        if min(cheese) > last - beyond:
            continue
        ways = [
            paths.shortest_path(state.open, state.mouse, goal) for goal in (cheese, (last,) * 2)
        ]
        shared = [a for a, b in zip(*ways, strict=False) if a == b]
        after = [way[len(shared)] for way in ways]
        found.append([step[1] - shared[-1][1] == 1 for step in after])
    return np.array(found)


def test_all_agents_meet_the_same_mazes_beyond_the_largest_region(tmp_path):
    runs = [
        rightward(tmp_path / "one", -1e9, "env.region=1"),
        rightward(tmp_path / "three" / "seed-0", 0.0),
        rightward(tmp_path / "three" / "seed-1", -1e9),
        rightward(tmp_path / "all", 1.0, "env.cheese=stock"),
    ]
    given = f"{runs[0]},{tmp_path / 'three'},{runs[3]}"
    options = {"levels": LEVELS, "split": "train", "seed": 3, "out": tmp_path / "out"}
    folder = studies.run("region-sweep", checkpoint=given, **options)
    tables = {"success.csv", "decisions.csv", "regression.csv", "tables.json"}
    files = {path.name for path in folder.iterdir() if path.suffix not in (".pdf", ".svg")}
    assert files == {"region-sweep.json", "region-sweep.png"} | tables
    found = json.loads((folder / "region-sweep.json").read_text())
    assert list(found["settings"]) == ["region 1", "region 3", "anywhere"]
    assert found["settings"]["region 3"]["agents"] == ["three/seed-0", "three/seed-1"]
    to_cheese, to_corner = steps_right(load_agent(runs[0]), 3).mean(axis=0)
    for agent, moving in zip(found["of_each"], (1, 0.5, 1, 1 / (1 + np.e)), strict=True):
        square = agent["estimates"]["square"]
        assert square["P(cheese)"]["value"] == pytest.approx(moving * to_cheese)
        assert square["P(corner)"]["value"] == pytest.approx(moving * to_corner)
        assert square["P(cheese)"]["n"] == agent["estimates"]["episodes"]["P(cheese)"]["n"]
    seeds = [one["estimates"]["episodes"]["P(cheese)"] for one in found["of_each"][1:3]]
    joined = found["settings"]["region 3"]["estimates"]["episodes"]["P(cheese)"]
    assert (joined["value"], joined["n"]) == (
        pytest.approx(np.mean([s["value"] for s in seeds])),
        2,
    )
    success = found["of_each"][3]["estimates"]["success"]
    assert success["cheese as trained"] == success["cheese anywhere"]


def test_regions_ascend_and_agents_of_one_region_keep_their_order():
    sides = {"a": math.inf, "b": 10, "c": 3, "d": 10}
    sweep = by_region([RegionAgent(label, side, {}) for label, side in sides.items()])
    labels = {trained: [one.label for one in seeds] for trained, seeds in sweep.items()}
    assert labels == {"region 3": ["c"], "region 10": ["b", "d"], "anywhere": ["a"]}
    assert list(labels) == ["region 3", "region 10", "anywhere"]


def test_agents_of_other_worlds_or_the_same_weights_twice_are_refused(tmp_path):
    a = rightward(tmp_path / "a", -1e9)
    b = rightward(tmp_path / "b", -1e9, "env.timeout=30", "env.region=1", "init_seed=1")
    with pytest.raises(ConfigError, match=r"differ in env\.timeout"):
        studies.run("region-sweep", checkpoint=f"{a},{b}", levels=4)
    with pytest.raises(ConfigError, match="same weights"):
        studies.run("region-sweep", checkpoint=f"{a},{a / 'checkpoints'}", levels=4)
    with pytest.raises(ConfigError, match="at least 1"):
        studies.run("region-sweep", checkpoint=a, levels=0)
