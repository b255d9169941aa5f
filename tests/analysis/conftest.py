"""Runs as a trainer leaves them, small enough to make in milliseconds."""

import pytest

import configs
from models import Spaces, build, checkpoint_name, write_checkpoint

SPACES = Spaces((11, 11, 3), "uint8", 1.0, 15)
SMALL = ["model.channels=[2,3,3]", "model.hidden=8", "env.levels.bank=64", "eval.levels=10"]


def make_run(folder, *, seed=0, env_steps=12_000, settings=()):
    """A run's folder with one checkpoint of an untrained maze agent; symbolic, mazes up to 9."""
    config = configs.load("maze/quick", [*SMALL, f"name={folder.name}", *settings])
    model = build(config.model, SPACES, seed=seed)
    about = {
        "format": 1,
        "config": configs.to_plain(config),
        "spaces": SPACES.to_plain(),
        "iteration": 3,
        "env_steps": env_steps,
    }
    state = {f"model.{key}": value for key, value in model.state_dict().items()}
    path = folder / "checkpoints" / checkpoint_name(3)
    write_checkpoint(path, {"state_dict": state, "chisel": about})
    (folder / "config.yaml").write_text(configs.to_yaml(config))
    return folder


@pytest.fixture
def run_folder(tmp_path):
    return make_run(tmp_path / "run")
