"""Runs as a trainer leaves them, small enough to make in milliseconds."""

import importlib.util

import pytest
import torch

import configs
from models import Spaces, build, checkpoint_name, load_agent, write_checkpoint

SPACES = Spaces((9, 9, 3), "uint8", 1.0, 15)
SMALL = [
    "model.channels=[2,3,3]",
    "model.hidden=8",
    "env.levels.bank=64",
    "env.timeout=20",
    "env.num_threads=0",
    "eval.levels=12",
    "eval.num_envs=8",
]


def make_run(folder, *, logits=None):
    """A run with one checkpoint of an untrained agent, symbolic, in mazes of up to 9 cells.

    With `logits` the agent is blind: it gives these in every state.
    """
    config = configs.load("maze/quick", [*SMALL, f"name={folder.name}"])
    model = build(config.model, SPACES)
    if logits is not None:
        with torch.no_grad():
            model.fc_policy.weight.zero_()
            model.fc_policy.bias.copy_(logits)
    about = {
        "format": 1,
        "config": configs.to_plain(config),
        "spaces": SPACES.to_plain(),
        "iteration": 3,
        "env_steps": 12_000,
    }
    state = {f"model.{key}": value for key, value in model.state_dict().items()}
    path = folder / "checkpoints" / checkpoint_name(3)
    write_checkpoint(path, {"state_dict": state, "chisel": about})
    (folder / "config.yaml").write_text(configs.to_yaml(config))
    return folder


@pytest.fixture
def run_folder(tmp_path):
    return make_run(tmp_path / "run")


@pytest.fixture
def rightward(tmp_path):
    """An agent that goes right, whatever it sees."""
    logits = torch.full((15,), -1e9)
    logits[7] = 0
    return load_agent(make_run(tmp_path / "rightward", logits=logits))


@pytest.fixture(scope="session")
def procgen():
    if importlib.util.find_spec("procgen") is None:
        pytest.skip("needs procgen: pip install 'chisel[procgen]'")
