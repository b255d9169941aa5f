"""Training curves: every checkpoint is measured, and a film is made."""

import json

import pytest
import torch
from PIL import Image

from chisel.analysis import studies
from chisel.analysis.maze.behaviour.training_curves import (
    TrainingCurve,
    checkpoints_of,
    training_curves_over_seeds,
)
from chisel.analysis.results.estimates import Estimate
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
    def course(steps, shift):
        points = [{"m": {"a": Estimate(s + shift, 0, 0, 1)}} for s in steps]
        return TrainingCurve(list(steps), points)

    joined = training_curves_over_seeds([course((10, 20, 30), 0), course((20, 30, 40), 2)])
    assert joined.steps == [20, 30]
    assert [point.value for point in joined.curve("m", "a")] == [21, 31]
    with pytest.raises(ConfigError, match="no checkpoint of the same step"):
        training_curves_over_seeds([course((10,), 0), course((20,), 0)])


@pytest.mark.usefixtures("procgen")
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
    assert (folder / "over-training.png").is_file()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, r"keeps 1 checkpoint.*keep_every"),
        ({"points": 1}, "points=1"),
        ({"maze": 300}, "maze=300"),
    ],
)
def test_impossible_requests_are_one_line(run_folder, options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        studies.run("over-training", checkpoint=run_folder, **options)


@pytest.mark.usefixtures("procgen")
def test_an_unknown_measure_is_named(run_folder):
    keep(run_folder, 6)
    with pytest.raises(ConfigError, match="measure=joy: known are success"):
        studies.run("over-training", checkpoint=run_folder, measure="joy", levels=4)
