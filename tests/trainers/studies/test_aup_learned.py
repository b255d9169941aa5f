"""The study trains what is missing, and what it calls exact is exact."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from chisel.analysis import studies
from chisel.analysis.gridworlds import board_values, exact_episode
from chisel.configs import ConfigError
from chisel.envs.gridworlds import tabular
from tests.trainers.aup.test_auxiliary import by_board, exact

SMALL = "frames=1536 env.num_envs=4 algo.num_steps=64 model.hidden=16 trainer.progress=false"


@pytest.mark.parametrize("world", ["damage", "vase"])
def test_exact_values_are_those_of_value_iteration(world):
    mdp = tabular(world)
    rewards = np.random.default_rng(0).random((3, len(mdp.boards)))
    slow = by_board(mdp, 30)
    found = board_values(mdp, rewards, 0.9, 30)
    seen = slow.visits > 0
    assert np.abs(found - exact(slow, rewards, 0.9))[:, seen].max() < 1e-4


def test_starting_state_fails_interference_where_stepwise_passes():
    """With exact values by board and ten draws of rewards."""
    mdp = tabular("interference")
    for seed in range(10):
        rewards = np.random.default_rng(seed).random((30, len(mdp.boards)))
        q = board_values(mdp, rewards, 0.996, 100)
        found = [
            exact_episode(mdp, q, one, weight=0.6662, gamma=0.996, max_steps=100)
            for one in ("stepwise", "start")
        ]
        assert [episode.performance for episode in found] == [1, -1]


def run(folder, experiments, settings, **options):
    return studies.run(
        "aup-learned",
        worlds="vase",
        seeds="0,1",
        experiments=experiments,
        settings=f"{SMALL} {settings}",
        runs_dir=str(folder),
        **options,
    )


def test_what_is_trained_is_found_again_and_all_is_written(tmp_path):
    run(tmp_path, "ppo", "")
    checkpoints = sorted(tmp_path.glob("gridworld/ppo/vase-seed-*/checkpoints/*.ckpt"))
    before = [path.stat().st_mtime_ns for path in checkpoints]
    assert before
    run(tmp_path, "ppo", "")
    assert [path.stat().st_mtime_ns for path in checkpoints] == before
    folder = run(tmp_path, "aup-ppo", "algo.aux.steps=1024 algo.aux.num=2")
    data = json.loads((folder / "aup-learned.json").read_text())
    agents = {one["agent"]: one["performance"] for one in data["outcomes"]}
    assert {name: len(values) for name, values in agents.items()} == {
        "aup-ppo": 2,
        "AUP, exact": 2,
        "starting state, exact": 2,
    }
    assert all(one["world"] == "vase" and one["pairs"] > 3 for one in data["penalties"])
    errors = [one["error"] for one in data["penalties"]]
    table = pd.read_csv(folder / "penalties.csv")
    found = table[["error", "worst error"]].iloc[0].tolist()
    assert found == pytest.approx([np.mean(errors), max(errors)])
    with Image.open(folder / "aup-ppo-vase.gif") as film:
        assert film.n_frames > 1


def test_what_was_trained_otherwise_or_not_to_its_end_is_not_measured(tmp_path, capsys):
    run(tmp_path, "ppo", "trainer.checkpoint_every=1")
    for train in ("true", "false"):
        with pytest.raises(ConfigError, match=r"learning_rate=.*, not algo\.learning_rate=0\.01; "):
            run(tmp_path, "ppo", "trainer.checkpoint_every=1 algo.learning_rate=0.01", train=train)
    for file in tmp_path.glob("gridworld/ppo/vase-seed-1/checkpoints/iter-00000006.ckpt*"):
        file.unlink()
    folder = run(tmp_path, "ppo", "trainer.checkpoint_every=1", train="false")
    assert "vase-seed-1 is not finished; train=true goes on" in capsys.readouterr().err
    (found,) = json.loads((folder / "aup-learned.json").read_text())["outcomes"]
    assert len(found["performance"]) == 1
    assert not list(tmp_path.glob("gridworld/ppo/vase-seed-1/checkpoints/iter-00000006.ckpt"))


def test_an_unknown_world_or_seed_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="seeds=a"):
        studies.run("aup-learned", seeds="a", runs_dir=str(tmp_path))
    with pytest.raises(ConfigError, match="'vaze'; did you mean 'vase'"):
        studies.run("aup-learned", worlds="vaze", runs_dir=str(tmp_path))
    with pytest.raises(ConfigError, match="no runs there"):
        studies.run("aup-learned", train="false", runs_dir=str(tmp_path))
