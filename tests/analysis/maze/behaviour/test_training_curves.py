"""Training curves: every checkpoint is measured, and a film is made."""

import json

import pandas as pd
import pytest
import torch
from PIL import Image

from chisel.analysis import studies
from chisel.analysis.maze.behaviour import MEASURES, checkpoints_of, training_curves_over_seeds
from chisel.analysis.results import Estimate, options_of
from chisel.analysis.studies.maze import over_training
from chisel.configs import ConfigError
from chisel.models import checkpoint_name, read_checkpoint, write_checkpoint
from tests.analysis.conftest import make_run


def keep(run, iteration, *, bias=None):
    """Write one more checkpoint, with the policy's bias changed."""
    payload = read_checkpoint(run / "checkpoints" / checkpoint_name(3))
    payload["chisel"] |= {"iteration": iteration, "env_steps": 4000 * iteration}
    if bias is not None:
        payload["state_dict"]["model.fc_policy.bias"] = bias
    write_checkpoint(run / "checkpoints" / checkpoint_name(iteration), payload)


def test_points_are_spread_evenly_and_the_last_is_among_them(run_folder):
    for iteration in (10, 20, 30, 40):
        keep(run_folder, iteration)
    numbers = [path.name for path in checkpoints_of(run_folder, 3)]
    assert numbers == [checkpoint_name(n) for n in (3, 20, 40)]
    assert len(checkpoints_of(run_folder, 99)) == 5


def test_seeds_are_joined_at_the_steps_they_share():
    def curve(steps, shift):
        return {step: {"m": {"a": Estimate(step + shift, 0, 0, 1)}} for step in steps}

    joined = training_curves_over_seeds([curve((10, 20, 30), 0), curve((20, 30, 40), 2)])
    assert {step: point["m"]["a"].value for step, point in joined.items()} == {20: 21, 30: 31}
    with pytest.raises(ConfigError, match="no checkpoint of the same step"):
        training_curves_over_seeds([curve((10,), 0), curve((20,), 0)])


def test_training_curves_show_that_an_agent_stops_moving(tmp_path):
    run = make_run(tmp_path / "run", overrides=["eval.num_envs=32"])
    still = torch.full((15,), -1e6)
    still[4] = 0
    keep(run, 6, bias=still)
    options = {"measure": "success,p-cheese", "levels": 30, "split": "train"}
    folder = studies.run("over-training", checkpoint=run, **options)
    found = json.loads((folder / "over-training.json").read_text())
    assert found["env_steps"] == [12_000, 24_000]
    first, last = found["points"]
    assert first["success"]["cheese anywhere"]["value"] > 0
    assert last["success"]["cheese anywhere"]["value"] == 0
    assert last["p-cheese"]["P(neither)"]["value"] == 1
    with Image.open(folder / "field.gif") as film:
        assert film.n_frames == 2
    files = {path.name for path in folder.iterdir() if path.suffix not in (".pdf", ".svg")}
    names = files - {"field.gif", "tables.json"}
    assert names == {"over-training.json", "over-training.png", "success.csv", "p-cheese.csv"}
    table = pd.read_csv(folder / "p-cheese.csv")
    assert table["steps"].tolist() == [12_000, 24_000]
    assert table["P(neither)"].tolist()[-1] == 1


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, r"keeps 1 checkpoint.*keep_every"),
        ({"points": 1}, "points=1"),
        ({"maze": 300}, "maze=300"),
        ({"measure": "joy"}, "measure=joy: "),
    ],
)
def test_impossible_requests_are_one_line(run_folder, options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        studies.run("over-training", checkpoint=run_folder, **options)


def test_the_option_measure_takes_all_measures_that_there_are():
    assert options_of("over-training", over_training.run)["measure"].allowed == tuple(MEASURES)
