"""Runs as a trainer leaves them, small enough to make in milliseconds."""

import pytest
import torch

from chisel import configs
from chisel.models import Spaces, build, checkpoint_name, load_agent, write_checkpoint

SPACES = Spaces((9, 9, 3), "uint8", 1.0, 15)
SMALL = [
    "model.channels=[2,3,3]",
    "model.hidden=8",
    "env.levels.set_size=64",
    "env.timeout=20",
    "env.num_threads=0",
    "eval.levels=12",
    "eval.num_envs=8",
]


def make_run(folder, *, logits=None, edit=None, overrides=(), regions=None):
    """A run with one checkpoint of an untrained agent, symbolic, in mazes of up to 9 cells.

    With `logits` the agent is blind: it gives these in every state. `edit` changes the network in
    place; `regions` are those that a router would have stored.
    """
    settings = {one.partition("=")[0]: one for one in [*SMALL, *overrides]}
    config = configs.load("maze/quick", [*settings.values(), f"name={folder.name}"])
    model = build(config.model, SPACES, seed=config.init_seed or 0)
    with torch.no_grad():
        if logits is not None:
            model.fc_policy.weight.zero_()
            model.fc_policy.bias.copy_(logits)
        if edit is not None:
            edit(model)
    about = {
        "format": 2,
        "config": configs.to_plain(config),
        "spaces": SPACES.to_plain(),
        "iteration": 3,
        "env_steps": 12_000,
        "routing": None if regions is None else {"regions": regions},
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


def right_or_up(model):
    """Blind: hidden unit 0 drives to the right, unit 1 up, less strongly; nothing else moves."""
    model.embedder.fc.weight.zero_()
    model.embedder.fc.bias.fill_(1)
    model.fc_policy.weight.zero_()
    model.fc_policy.bias.fill_(-1e6)
    model.fc_policy.bias[[5, 7]] = 0
    model.fc_policy.weight[7, 0] = 500
    model.fc_policy.weight[5, 1] = 300


def units(text):
    """A region of the hidden layer, as a config declares it."""
    return [{"module": "embedder.relufc", "units": text}]


@pytest.fixture
def right_then_up(tmp_path):
    """A run with two goals whose agent goes right, and up without its region `right`."""
    return make_run(
        tmp_path / "two",
        edit=right_or_up,
        overrides=["env.goals=cheese-and-corner", "env.cheese=stock"],
        regions={"right": units("0"), "up": units("1"), "idle": units("2:4")},
    )
