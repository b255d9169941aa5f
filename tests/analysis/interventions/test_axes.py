"""Edits find a layer's units wherever its output has them, and never guess."""

import copy
from collections import namedtuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from chisel.analysis.interventions import (
    add,
    clamp,
    intervene,
    mean,
    project_out,
    record,
    recording,
    resample,
    scale,
    with_weights,
    zero,
)
from chisel.configs import ConfigError
from chisel.routing import Site
from tests.routing.small_nets import Conv1D
from tests.threads import in_thread

UNITS = 4


class Net(nn.Module):
    """One module, then the sum."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, *inputs):
        self.seen = self.layer(*inputs)
        return self.seen


LAYERS = {
    "Linear": (nn.Linear(3, UNITS), (2, 5, 3), -1),
    "Linear, as many tokens as units": (nn.Linear(3, UNITS), (2, UNITS, 3), -1),
    "Linear, as many tokens as units as examples": (nn.Linear(3, UNITS), (UNITS, UNITS, 3), -1),
    "Linear over cells": (nn.Linear(3, UNITS), (2, 5, 6, 3), -1),
    "Linear over rows": (nn.Linear(3, UNITS), (2, 3), -1),
    "LayerNorm": (nn.LayerNorm(UNITS), (2, 5, UNITS), -1),
    "RMSNorm": (nn.RMSNorm(UNITS), (2, 5, UNITS), -1),
    "Conv1D": (Conv1D(UNITS, 3), (2, 5, 3), -1),
    "last of a sequence": (nn.Sequential(nn.ReLU(), nn.Linear(3, UNITS)), (2, 5, 3), -1),
    "Conv1d": (nn.Conv1d(3, UNITS, 1), (2, 3, 5), 1),
    "ConvTranspose1d": (nn.ConvTranspose1d(3, UNITS, 1), (2, 3, 5), 1),
    "Conv2d": (nn.Conv2d(3, UNITS, 1), (2, 3, 5, 6), 1),
    "Conv3d": (nn.Conv3d(3, UNITS, 1), (2, 3, 5, 6, 2), 1),
    "BatchNorm1d": (nn.BatchNorm1d(UNITS), (2, UNITS, 5), 1),
    "BatchNorm2d": (nn.BatchNorm2d(UNITS), (2, UNITS, 5, 6), 1),
    "InstanceNorm1d": (nn.InstanceNorm1d(UNITS), (2, UNITS, 5), 1),
    "GroupNorm": (nn.GroupNorm(2, UNITS), (2, UNITS, 5), 1),
    "activation of rows": (nn.ReLU(), (2, UNITS), 1),
    "activation of an image": (nn.ReLU(), (2, UNITS, 5, 6), 1),
}


def edited(layer, inputs, edit, **site):
    net = Net(layer)
    with intervene(net, {Site("layer", **site): edit}):
        return net(*inputs)


@pytest.mark.parametrize("name", LAYERS)
def test_the_axis_of_units_is_that_of_the_layers_type(name):
    layer, shape, axis = LAYERS[name]
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    rows = layer(inputs).unbind(axis)
    expected = torch.stack([rows[0], 0 * rows[1], 3 * rows[2], rows[3]], axis)
    found = edited(layer, [inputs], lambda values: scale(3, -2)(zero(1)(values)))
    assert torch.equal(found, expected)


def test_attention_and_embeddings_have_their_units_last():
    attention = nn.MultiheadAttention(UNITS, 2, batch_first=True)
    tokens = torch.randn(2, UNITS, UNITS)
    plain, weights = attention(tokens, tokens, tokens)
    found, same = edited(attention, [tokens] * 3, zero([3]))
    assert torch.equal(found[..., :3], plain[..., :3])
    assert not found[..., 3].any()
    assert torch.equal(same, weights)
    words = torch.tensor([[0, 1, 2, 0]])
    embedding = nn.Embedding(3, UNITS)
    assert torch.equal(edited(embedding, [words], zero(3))[..., :3], embedding(words)[..., :3])
    assert not edited(embedding, [words], zero(3))[..., 3].any()


VECTOR = torch.tensor([1.0, -2.0, 0.5, 3.0])
BY_TOKEN = {
    "zero": zero([1, 3]),
    "scale": scale(0.5, 2),
    "clamp": clamp([0, 2], None, torch.tensor([5.0, 6.0])),
    "add": add(VECTOR, -2),
    "project out": project_out(VECTOR),
    "mean": mean(VECTOR, [0, 3]),
    "mean of all": mean(VECTOR),
    "resample": resample(VECTOR, -1),
}


@pytest.mark.parametrize("name", BY_TOKEN)
@given(batch=st.integers(1, 5), tokens=st.integers(1, 5), seed=st.integers(0, 9))
@settings(max_examples=15, deadline=None)
def test_an_edit_of_tokens_is_that_of_each_token_alone(name, batch, tokens, seed):
    values = torch.randn(batch, tokens, 3, generator=torch.Generator().manual_seed(seed))
    layer = nn.Linear(3, UNITS)
    alone = edited(layer, [values.flatten(0, 1)], BY_TOKEN[name])
    together = edited(layer, [values], BY_TOKEN[name])
    assert torch.allclose(together.flatten(0, 1), alone, atol=1e-6)


@pytest.mark.parametrize("name", BY_TOKEN)
@pytest.mark.parametrize("layer", [nn.ReLU(), nn.Identity(), nn.Sequential(nn.GELU())])
def test_a_module_of_unknown_axis_needs_one(name, layer):
    tokens = torch.randn(2, UNITS, UNITS)
    with pytest.raises(
        ConfigError, match=r"^the output of layer has .* give axis, as in Site\('layer', axis=-1\)"
    ) as e:
        edited(layer, [tokens], BY_TOKEN[name])
    assert "\n" not in str(e.value)
    with pytest.raises(ConfigError, match="give axis"):
        BY_TOKEN[name](tokens)


@pytest.mark.parametrize("axis", [1, 2, -1, -2])
def test_the_axis_of_a_site_is_used_where_the_layer_has_none(axis):
    tokens = torch.randn(2, UNITS, UNITS)
    expected = tokens.clone()
    expected.select(axis, 3).zero_()
    assert torch.equal(edited(nn.Identity(), [tokens], zero(3), axis=axis), expected)
    moved = edited(nn.Identity(), [tokens], add(VECTOR), axis=axis) - tokens
    assert torch.allclose(moved.movedim(axis, -1), VECTOR.expand(2, 4, 4), atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("given", [1, 2, 3, -1, -2, -3])
def test_an_axis_that_is_not_the_layers_is_refused(name, given):
    layer, shape, axis = LAYERS[name]
    inputs, dims = torch.randn(shape), len(shape)
    if name.startswith("activation of"):
        return
    if -dims <= given < dims and given % dims == axis % dims:
        assert not edited(layer, [inputs], zero(3), axis=given).select(axis, 3).any()
        return
    with pytest.raises(ConfigError, match=r"leave axis out|no units on axis"):
        edited(layer, [inputs], zero(3), axis=given)


def test_cells_of_an_image_whose_channels_come_last():
    image = torch.zeros(2, 5, 6, 3)
    found = edited(nn.Linear(3, UNITS), [image], clamp([1, 2], [(4, 5)], 9.0))
    assert (found == 9).sum() == 4
    assert (found[:, 4, 5, 1:3] == 9).all()


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (zero(4), r"unit 4 is out of range: the layer has 4"),
        (add(torch.ones(5)), r"has shape \[5\], but the layer's activation is \[5, 4\]"),
        (mean(torch.ones(5)), r"has shape \[5\]"),
        (project_out(torch.ones(5)), r"has shape \[5\]"),
    ],
)
def test_shapes_that_fit_no_axis_are_refused(edit, complaint):
    with pytest.raises(ConfigError, match=complaint):
        edited(nn.Linear(3, UNITS), [torch.randn(2, 5, 3)], edit)


Named = namedtuple("Named", ["count", "hidden"])
OUTPUTS = {
    "tuple": lambda x: (x, None),
    "tuple of one": lambda x: (x,),
    "with whole numbers": lambda x: (torch.arange(3), x, 7, "word"),
    "list": lambda x: [x, None],
    "named": lambda x: Named(3, x),
}


class Returns(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_one_tensor_that_a_block_returns_is_edited_and_recorded(name):
    block, x = Returns(OUTPUTS[name]), torch.randn(2, UNITS)
    plain, found = block(x), edited(block, [x], zero(3))
    assert type(found) is type(plain)
    assert len(found) == len(plain)
    for before, after in zip(plain, found, strict=True):
        if isinstance(before, torch.Tensor) and before.is_floating_point():
            assert torch.equal(after[:, :3], x[:, :3])
            assert not after[:, 3].any()
        else:
            assert after is before or torch.equal(after, before)
    net = Net(block)
    assert torch.equal(record(net, ["layer"], lambda: net(x))["layer"], x)


NEVER_CALLED = {
    "weights used by a function": (
        nn.MultiheadAttention(UNITS, 2, batch_first=True),
        "out_proj",
        lambda net: net(*[torch.randn(1, 2, UNITS)] * 3),
    ),
    "a part is run": (
        nn.Sequential(nn.Sequential(nn.ReLU(), nn.Linear(4, 4)), nn.Linear(4, 4)),
        "1",
        lambda net: net[0](torch.randn(1, 4)),
    ),
    "a part of a part is run": (
        nn.Sequential(nn.Sequential(nn.ReLU(), nn.Linear(4, 4)), nn.Linear(4, 4)),
        "0.0",
        lambda net: net[0][1](torch.randn(1, 4)),
    ),
}


@pytest.mark.parametrize("name", NEVER_CALLED)
def test_an_edit_that_never_runs_is_an_error(name):
    net, module, run = NEVER_CALLED[name]
    with (
        pytest.raises(ConfigError, match=f"without calling {module}"),
        intervene(net, {module: zero()}),
    ):
        run(net)


def test_another_thread_is_refused_while_a_model_is_edited():
    net, x = nn.Sequential(nn.Linear(4, 4)), torch.randn(2, 4)
    plain = net(x)
    with intervene(net, {"0": zero()}):
        error = in_thread(lambda: net(x))
        assert not net(x).any()
    assert isinstance(error, ConfigError)
    assert "edited by another thread: give each thread a copy" in str(error)
    assert in_thread(lambda: net(x)) is None
    assert torch.equal(net(x), plain)


def test_what_another_thread_runs_is_not_recorded():
    net = nn.Sequential(nn.Linear(4, 4))
    with recording(net, ["0"]) as kept:
        assert in_thread(lambda: net(torch.randn(3, 4))) is None
        net(torch.randn(2, 4))
    assert [len(one) for one in kept["0"]] == [2]


def test_two_threads_never_share_changed_weights():
    net = nn.Sequential(nn.Linear(4, 4))
    before = net[0].weight.clone()
    change = {"0.weight": torch.ones(4, 4)}

    def enter():
        with with_weights(net, change):
            pass

    x = torch.randn(2, 4)
    with with_weights(net, change), with_weights(net, change):
        error, run = in_thread(enter), in_thread(lambda: net(x))
        alone = copy.deepcopy(net)
        net(x)
        assert torch.equal(net[0].weight, before + 2)
    assert "another thread is changing the weights" in str(error)
    assert "another thread has changed the weights" in str(run)
    assert in_thread(lambda: [net(x), alone(x)]) is None
    assert in_thread(enter) is None
    assert torch.equal(net[0].weight, before)
