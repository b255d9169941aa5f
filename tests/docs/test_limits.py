"""docs/reference/limits.md quotes the messages that its causes raise, all of them and no others."""

import contextlib
import dataclasses
import re
import sys
import tempfile
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from torch import nn

from chisel import configs, envs, models, routing
from chisel.analysis.interventions import intervene, with_weights, zero
from chisel.analysis.language import open_language_model, site_table, without_direction
from chisel.configs import ChiselError
from chisel.envs.maze.native import textured
from chisel.envs.maze.native.textures import folder_of
from chisel.models import ActorCritic, Spaces
from chisel.models.language import Tokens, load_language_model, write_control_vectors
from chisel.trainers.onpolicy.repeatable import require_repeatable
from tests.envs.corridor import Corridor
from tests.models.language import tiny
from tests.threads import in_thread

PAGE = Path(__file__).parents[2] / "docs/reference/limits.md"
IMAGE = spaces.Box(0, 1, (4, 4, 1), np.uint8)


def declared(**attributes):
    env = Corridor(0)
    for name, value in attributes.items():
        setattr(env, name, value)
    envs.check_declarations(env)


class OneAtATime(gymnasium.Env):
    observation_space, action_space = IMAGE, spaces.Discrete(2)


def gymnasiums_own():
    made = gymnasium.vector.SyncVectorEnv([OneAtATime], autoreset_mode=AutoresetMode.SAME_STEP)
    envs.declarations.check_complete(made, 1)


def without_procgen():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "procgen", None)
        patch.setattr(textured, "folder_of", folder_of)  # tests skip where there is no procgen
        envs.maze.make_maze(configs.MazeConfig(), seed=0)


def policy(middle):
    torch.manual_seed(0)
    embedder = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), middle)
    model = ActorCritic(embedder, hidden=8, num_actions=2, obs_range=1, generator=torch.Generator())
    require_repeatable(model, lambda obs: model(obs.permute(0, 3, 1, 2)), IMAGE)


class Remembers(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.state = nn.GRUCell(8, 8), None

    def forward(self, x):
        self.state = self.cell(x, self.state)
        return self.state


def bare_model():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(configs.registry, "resolve", lambda *_: lambda *_: nn.Linear(2, 2))
        models.build(configs.ImpalaConfig(), Spaces((4, 4, 1), "uint8", 1.0, 2))


def edit(net, edits, x):
    with intervene(net, edits):
        net(x)


ZEROS, REGIONS = torch.zeros(1, 4), {"r": [{"module": "0"}]}


def run(net):
    net(ZEROS)


def in_two_threads(context, other=run):
    """Raise the error of a second thread that uses a model while `context` is open in this one."""
    net = nn.Sequential(nn.Linear(4, 4))
    with context(net):
        error = in_thread(lambda: other(net))
    raise error


def steered(net):
    return intervene(net, {"0": zero()})


def reweighted(net):
    return with_weights(net, {"0.bias": torch.ones(4)})


@contextlib.contextmanager
def dropped(net):
    routing.RegionDropout(net, routing.resolve(net, REGIONS)).use({"r": torch.ones(1).bool()})
    yield


def labelled(net):
    options = {"regions": REGIONS, "rules": {"x": {"r": 0}}}
    return routing.attach(net, options, example=ZEROS).labels(torch.zeros(1).long())


def compiled():
    net = nn.Sequential(nn.ReLU())
    net.compile()
    return net


TOKENS = torch.zeros(2, 5, 4)
PROVOKED = [
    lambda: declared(metadata={"autoreset_mode": AutoresetMode.NEXT_STEP}),
    lambda: declared(metadata={}),
    lambda: declared(single_observation_space=spaces.Box(-1, 1, (4, 2))),
    lambda: models.build(configs.ImpalaConfig(), Spaces((4,), "float32", 1.0, 2)),
    lambda: declared(single_action_space=spaces.Box(-1, 1, (2,))),
    lambda: declared(single_action_space=spaces.MultiBinary(4)),
    lambda: declared(single_action_space=spaces.Discrete(4, start=1)),
    lambda: envs.check_declarations(OneAtATime()),
    gymnasiums_own,
    lambda: configs.load("maze/easy", ["env.name=coinrun"]),
    without_procgen,
    lambda: policy(nn.Dropout(0.1)),
    lambda: policy(nn.BatchNorm1d(8)),
    lambda: policy(Remembers()),
    bare_model,
    lambda: configs.load("maze/easy", ["algo.name=dqn"]),
    lambda: edit(nn.Sequential(nn.ReLU()), {"0": zero([3])}, TOKENS),
    lambda: edit(nn.Sequential(nn.LSTM(4, 4)), {"0": zero()}, TOKENS),
    lambda: edit(nn.TransformerEncoderLayer(4, 2, 8), {"self_attn.out_proj": zero()}, TOKENS),
    lambda: edit(compiled(), {"0": zero()}, TOKENS),
    lambda: in_two_threads(steered),
    lambda: in_two_threads(dropped),
    lambda: in_two_threads(labelled),
    lambda: in_two_threads(reweighted),
    lambda: in_two_threads(reweighted, lambda net: reweighted(net).__enter__()),
]


def my_run():
    """A small GPT under a name that is the same on every machine."""
    lm = open_language_model("agents:language-routed").lm
    return dataclasses.replace(lm, source=Path("my-run"))


def too_long():
    lm = my_run()
    lm.logits(Tokens.of([[0] * (lm.context + 1)], 0))


def padded_before():
    lm = my_run()
    lm.logits(lm.tokens(["long ago", "long ago there lived a boy"], side="left"))


def pickled():
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("my-model").mkdir()
        Path("my-model/config.json").write_text("{}")
        Path("my-model/pytorch_model.bin").touch()
        load_language_model("my-model")


def without_one_direction():
    model = tiny.network("gemma3")
    without_direction(model, site_table(model), torch.ones(16))


PROVOKED += [
    lambda: site_table(nn.Linear(1, 1)),
    pickled,
    too_long,
    padded_before,
    without_one_direction,
    lambda: write_control_vectors(Path("never.gguf"), {}, "llama"),
]


def message(provoke):
    with pytest.raises((ChiselError, routing.RoutingError)) as caught:
        provoke()
    return " ".join(str(caught.value).split())


def test_the_page_quotes_every_message_and_no_other():
    blocks = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    quoted = [" ".join(block.split()) for block in blocks]
    assert quoted == [message(provoke) for provoke in PROVOKED]
