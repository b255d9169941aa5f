"""The studies `channels` and `retarget` write their files, and refuse impossible options."""

import json

import numpy as np
import pandas as pd
import pytest

from chisel.analysis import studies
from chisel.analysis.maze.channels.detection import Tracking
from chisel.analysis.maze.channels.studied_layer import goal_channels
from chisel.configs import ConfigError
from chisel.models import load_agent
from tests.analysis.conftest import make_run

LAYER = "embedder.block1.conv"
FEW = {"module": LAYER, "hits": 0, "top": 1}


def test_channels_writes_tables_intervals_and_figures(run_folder):
    folder = studies.run("channels", checkpoint=run_folder, levels=2, cells=4, controls=1, **FEW)
    assert folder.parent == run_folder / "studies"
    assert folder.name.startswith("channels-")
    tables = {"goal-channels.csv", "resampling.csv", "all-channels.csv", "tables.json"}
    files = {path.name for path in folder.iterdir() if path.suffix not in (".pdf", ".svg")}
    assert files == {"channels.json", "channels.png", "sheet.png", *tables}
    found = json.loads((folder / "channels.json").read_text())
    assert found["command"].startswith("chisel study channels checkpoint=")
    assert len(found["channels"]) == 2
    assert len(found["goal_channels"]) == 1
    for row in found["channels"]:
        assert -1 <= row["correlation"] <= 1
        assert 0 <= row["zero"] <= 1
        assert sum(row["direct_logit_attribution"].values()) == pytest.approx(0, abs=1e-5)
    for name in ("goal", "random", "as strong"):
        effects = found["resampling"][name]
        assert effects["difference"]["value"] == pytest.approx(
            effects["different"]["value"] - effects["same"]["value"]
        )
    frame = pd.read_csv(folder / "all-channels.csv", float_precision="round_trip")
    assert frame["zero"].tolist() == [row["zero"] for row in found["channels"]]
    shown = pd.read_csv(folder / "goal-channels.csv", float_precision="round_trip")
    assert shown["channel"].tolist() == found["goal_channels"]
    assert shown["r"].item() == frame["correlation"][found["goal_channels"][0]]
    (goal,) = found["resampling"]["goal"]["sets"]
    (control,) = found["resampling"]["random"]["sets"]
    assert sorted(goal + control) == [0, 1]


def test_retarget_writes_a_map_of_every_maze_and_the_same_one_twice(run_folder, tmp_path):
    texts = []
    for number in range(2):
        options = {"levels": 2, "out": tmp_path / str(number)} | FEW
        studies.run("retarget", checkpoint=run_folder, **options)
        texts.append((tmp_path / str(number) / "retarget.json").read_text())
    assert texts[0] == texts[1]
    found = json.loads(texts[0])
    files = {
        path.name for path in (tmp_path / "0").iterdir() if path.suffix not in (".pdf", ".svg")
    }
    tables = {"scores.csv", "squares.csv", "tables.json"}
    assert files == {"retarget.json", "retarget.png", "00.png", "01.png", *tables}
    squares = pd.read_csv(tmp_path / "0" / "squares.csv", float_precision="round_trip")
    assert squares["clamped"].tolist() == [v for maze in found["mazes"] for v in maze["clamped"]]
    for maze in found["mazes"]:
        for name in ("base", "control", "clamped", "moved"):
            assert len(maze[name]) == len(maze["targets"])
            assert all(0 <= value <= 1 for value in maze[name])
        assert min(maze["off_path"]) == 0
    base = np.mean([np.mean(maze["base"]) for maze in found["mazes"]])
    assert found["summary"]["base"]["value"] == pytest.approx(base)


@pytest.fixture
def seeds(tmp_path):
    """Three seeds in a folder."""
    for seed in range(3):
        make_run(tmp_path / "group" / f"seed-{seed}", overrides=[f"init_seed={seed}"])
    return tmp_path / "group"


def assert_over_seeds(joined, values):
    """A mean with Student's t interval; of three values t is 4.3027."""
    assert joined["value"] == pytest.approx(np.mean(values))
    assert joined["n"] == 3
    half = 4.302653 * np.std(values, ddof=1) / np.sqrt(3)
    assert joined["high"] - joined["value"] == pytest.approx(half, abs=1e-9)


def test_each_seed_has_its_own_channels_and_effects_are_joined_over_seeds(seeds):
    folder = studies.run("channels", checkpoint=seeds, levels=2, cells=4, controls=1, **FEW)
    assert folder.parent == seeds / "studies"
    assert folder.name.startswith("channels-")
    each = {f"seed-{n}-{name}.png" for n in range(3) for name in ("channels", "sheet")}
    assert {path.name for path in folder.glob("*.png")} == {"resampling.png", *each}
    found = json.loads((folder / "channels.json").read_text())
    digests = [run["sha256"] for run in found["runs"]]
    assert digests == [load_agent(seeds / f"seed-{n}").digest for n in range(3)]
    for name, kinds in found["resampling"].items():
        for kind, joined in kinds.items():
            values = [run["resampling"][name][kind]["value"] for run in found["of_each"]]
            assert_over_seeds(joined, values)
    alone = studies.run(
        "channels", checkpoint=seeds / "seed-1", levels=2, cells=4, controls=1, **FEW
    )
    lone = json.loads((alone / "channels.json").read_text())
    assert found["of_each"][1]["run"] == "seed-1"
    assert lone["channels"] == found["of_each"][1]["channels"]
    assert lone["resampling"] == found["of_each"][1]["resampling"]


def test_each_seed_has_its_own_clamps_and_gains_are_joined_over_seeds(seeds):
    folder = studies.run("retarget", checkpoint=seeds, levels=2, **FEW)
    found = json.loads((folder / "retarget.json").read_text())
    assert {path.name for path in folder.glob("*.png")} == {
        "retarget.png",
        *(f"seed-{n}-{maze:02d}.png" for n in range(3) for maze in range(2)),
    }
    assert len({tuple(run["values"]) for run in found["of_each"]}) == 3
    for name, joined in found["summary"].items():
        assert_over_seeds(joined, [run["summary"][name]["value"] for run in found["of_each"]])


def test_squares_near_the_way_exclude_those_on_it(run_folder):
    folder = studies.run("retarget", checkpoint=run_folder, levels=3, **FEW)
    found = json.loads((folder / "retarget.json").read_text())
    gains = []
    for maze in found["mazes"]:
        squares = zip(maze["off_path"], maze["base"], maze["moved"], strict=True)
        near = [moved - base for off, base, moved in squares if 1 <= off <= 3]
        gains += [np.mean(near)] if near else []
    gain = found["summary"]["moved over base, near the way"]
    assert gain["value"] == pytest.approx(np.mean(gains))
    assert gain["n"] == len(gains)


def test_named_channels_are_clamped_in_their_order(run_folder):
    options = {"module": LAYER, "channels": "0", "levels": 1, "ceiling": "false"}
    folder = studies.run("retarget", checkpoint=run_folder, **options)
    found = json.loads((folder / "retarget.json").read_text())
    assert (found["channels"], found["control_channels"]) == ([0], [1])
    assert found["study"]["options"]["channels"] == [0]
    assert "moved" not in found["summary"]


def test_an_error_about_one_seed_names_it(seeds):
    with pytest.raises(ConfigError, match=r"^seed-0: no channel peaks"):
        studies.run(
            "channels", checkpoint=seeds, levels=2, cells=4, module="embedder.block2.conv", hits=1
        )


@pytest.mark.parametrize(
    ("study", "options", "complaint"),
    [
        ("channels", {"levels": 0}, "at least 1"),
        ("channels", {"module": "embedder.block9"}, "did you mean"),
        ("channels", {"module": "embedder.fc"}, "has no places"),
        ("channels", {"cells": 1}, "at least 2"),
        ("channels", {"hits": 1.1}, "from 0 to 1"),
        (
            "retarget",
            {"module": LAYER, "channels": "0,7"},
            "channels=7: the layer has channels 0…1",
        ),
        ("retarget", {"module": LAYER, "channels": "x"}, "channels=x: must be whole numbers"),
        ("retarget", {"module": LAYER, "levels": 0}, "at least 1"),
    ],
)
def test_impossible_requests_are_one_line(run_folder, study, options, complaint):
    with pytest.raises(ConfigError, match=complaint) as error:
        studies.run(study, checkpoint=run_folder, **options)
    assert "\n" not in str(error.value)
    assert not (run_folder / "studies").exists()


def test_without_a_channel_that_follows_the_cheese_the_error_has_the_best_share():
    zeros = np.zeros(3)
    found = Tracking(np.array([0.1, 0.5, 0]), np.array([0.2, 0.3, 0]), zeros, zeros, zeros)
    assert goal_channels(found, 2, 0.3) == [1]
    with pytest.raises(ConfigError, match="the best in 30%"):
        goal_channels(found, 2, 0.5)
