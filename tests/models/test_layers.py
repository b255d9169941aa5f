"""The layers of a network are listed as they run, with the shapes of what they return."""

import torch
from torch import nn

from chisel import configs
from chisel.models import Spaces, build, layers_of


def test_shapes_of_a_small_impala_are_those_of_its_arithmetic():
    config = configs.load("maze/quick", ["model.channels=[4,6,6]", "model.hidden=8"])
    spaces = Spaces((9, 9, 3), "uint8", 1.0, 15)
    model = build(config.model, spaces)
    layers = layers_of(model, spaces)
    shapes = {layer.name: layer.shape for layer in layers}
    assert shapes["embedder.block1.conv"] == (4, 9, 9)
    assert shapes["embedder.block1.maxpool"] == (4, 5, 5)  # ceil(9 / 2)
    assert shapes["embedder.block2.maxpool"] == (6, 3, 3)
    assert shapes["embedder.block3.maxpool"] == (6, 2, 2)
    assert shapes["embedder.flatten"] == (24,)
    assert shapes["embedder.fc"] == (8,)
    assert (shapes["fc_policy"], shapes["fc_value"]) == ((15,), (1,))
    assert {layer.name for layer in layers} == {name for name, _ in model.named_modules() if name}
    own = {layer.name: layer.parameters for layer in layers}
    assert own["embedder.block1.conv"] == 3 * 4 * 9 + 4
    assert sum(own.values()) == sum(one.numel() for one in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_modules_stand_in_the_order_in_which_they_run_and_unused_ones_last():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = nn.Linear(2, 2)
            self.second = nn.Linear(4, 3)
            self.first = nn.Linear(2, 4)
            self.pair = nn.Identity()

        def forward(self, obs):
            hidden = self.second(self.first(obs))
            return self.pair((hidden, hidden))

    found = layers_of(Odd(), Spaces((2,), "float32", 1.0, 3))
    assert [layer.name for layer in found] == ["first", "second", "pair", "unused"]
    assert [layer.shape for layer in found] == [(4,), (3,), None, None]


def test_nothing_is_left_of_it_in_the_network():
    spaces = Spaces((2,), "float32", 1.0, 3)
    model = nn.Sequential(nn.Linear(2, 2))
    before = model(torch.ones(1, 2))
    layers_of(model, spaces)
    assert torch.equal(model(torch.ones(1, 2)), before)
    assert all(one.grad is None for one in model.parameters())
