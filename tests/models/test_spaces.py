"""Spaces are read from any vector environment with images, vectors, tokens or packed views."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from chisel import configs
from chisel.configs import CheckpointError, ConfigError, GridMlpConfig, ImpalaConfig
from chisel.models import Spaces, View, as_tensor, build, spaces_of, to_tensor

IMAGE = spaces.Box(0, 1, (4, 4, 1))
PARTS = spaces.Dict(
    board=spaces.Box(0, 65535, (3, 2), np.uint16), clock=spaces.Box(0, 900, (), np.uint16)
)
"""As a world of bit planes shows them."""


FOUR = spaces.Discrete(4)


def env(obs, action=FOUR, **more):
    return SimpleNamespace(single_observation_space=obs, single_action_space=action, **more)


def packed():
    return env(spaces.flatten_space(PARTS), views=PARTS)


def test_shape_type_range_and_actions_are_read():
    colours = spaces.Box(0, 255, (64, 64, 3), np.uint8)
    found = spaces_of(env(colours, spaces.Discrete(15)))
    assert found == Spaces((64, 64, 3), "uint8", 255.0, 15)
    assert found.obs_range == 255.0


@pytest.mark.parametrize(("dtype", "high"), [(np.uint8, 1), (np.float32, 1.0), (np.float32, 255.0)])
def test_only_byte_colours_are_divided(dtype, high):
    assert spaces_of(env(spaces.Box(0, high, (5, 5, 3), dtype), spaces.Discrete(4))).obs_range == 1


@pytest.mark.parametrize(
    ("obs", "action", "complaint"),
    [
        (spaces.Box(0, 1, (4, 2)), spaces.Discrete(2), r"\[H, W, C\]"),
        (spaces.MultiDiscrete([3, 3], start=[1, 1]), spaces.Discrete(2), r"tokens \[T\]"),
        (spaces.MultiDiscrete([[3, 3]]), spaces.Discrete(2), r"tokens \[T\]"),
        (spaces.Discrete(3), spaces.Discrete(2), r"\[H, W, C\]"),
        (spaces.MultiBinary([4, 4, 1]), spaces.Discrete(2), r"\[H, W, C\]"),
        (IMAGE, spaces.Box(0, 1, (2,)), "Discrete action space"),
        (IMAGE, spaces.MultiBinary(4), "Discrete action space"),
        (IMAGE, spaces.MultiDiscrete([3, 3]), "Discrete action space"),
        (IMAGE, spaces.Discrete(4, start=1), "from 0, such as"),
        (IMAGE, spaces.Discrete(4, start=-1), "from 0, such as"),
    ],
)
def test_spaces_that_no_model_fits_are_refused(obs, action, complaint):
    with pytest.raises(ConfigError, match=complaint):
        spaces_of(env(obs, action))


@pytest.mark.parametrize(
    ("obs", "found"),
    [
        (spaces.Box(-1, 1, (4,)), Spaces((4,), "float32", 1.0, 4)),
        (spaces.Box(0, 255, (128,), np.uint8), Spaces((128,), "uint8", 255.0, 4)),
        (spaces.Box(0, 49, (8,), np.int64), Spaces((8,), "int64", 49.0, 4, vocabulary=50)),
        (spaces.Box(0, 49, (8,), np.int32), Spaces((8,), "int32", 49.0, 4, vocabulary=50)),
        (spaces.Box(-9, 9, (8,), np.int64), Spaces((8,), "int64", 9.0, 4)),
        (spaces.MultiDiscrete([50] * 8), Spaces((8,), "int64", 49.0, 4, vocabulary=50)),
    ],
)
def test_vectors_and_tokens_are_told_apart_by_their_type(obs, found):
    assert spaces_of(env(obs)) == found
    assert found.kind == ("vectors" if found.vocabulary is None else "tokens")


def test_a_view_of_a_packed_observation_is_the_part_that_gymnasium_packed_without_a_copy():
    found = spaces_of(packed())
    assert found == Spaces(
        (7,), "uint16", 65535.0, 4, views=(View("board", (3, 2)), View("clock", ()))
    )
    shown = [PARTS.sample() for _ in range(5)]
    obs = to_tensor(np.stack([spaces.flatten(PARTS, one) for one in shown]))
    for name in ("board", "clock"):
        part = found.view(obs, name)
        assert part.untyped_storage().data_ptr() == obs.untyped_storage().data_ptr()
        assert np.array_equal(part.numpy(), np.stack([one[name] for one in shown]))
    rollout = obs.expand(3, 5, 7)
    assert torch.equal(found.view(rollout, "board")[1], found.view(obs, "board"))
    with pytest.raises(KeyError, match="no view 'goal', only board, clock"):
        found.view(obs, "goal")


@pytest.mark.parametrize(
    ("obs", "views"),
    [
        (spaces.Box(0, 65535, (8,), np.uint16), PARTS),
        (spaces.Box(0, 9, (3,)), spaces.Dict()),
        (spaces.Box(0, 1, (3,), np.int64), spaces.Dict(one=spaces.Discrete(3))),
        (spaces.Box(0, 9, (3,)), ["board"]),
    ],
)
def test_views_that_are_not_what_the_environment_shows_are_refused(obs, views):
    with pytest.raises(ConfigError, match=r"`views` must be a gymnasium\.spaces\.Dict of boxes"):
        spaces_of(env(obs, views=views))


@pytest.mark.parametrize(
    "made",
    [
        Spaces((9, 9, 3), "uint8", 1.0, 15),
        Spaces((4,), "float32", 1.0, 2),
        Spaces((8,), "int64", 49.0, 0, vocabulary=50),
        spaces_of(packed()),
    ],
)
def test_plain_values_give_the_same_spaces_back(made):
    assert Spaces.from_plain(made.to_plain()) == made
    new = {"vocabulary": made.kind == "tokens", "views": made.kind == "packed views"}
    assert set(made.to_plain()) == {
        *("obs_shape", "obs_dtype", "obs_high", "num_actions"),
        *(key for key, there in new.items() if there),
    }


@pytest.mark.parametrize(
    "changed", [{"obs_shape": [4, 4]}, {"views": {"board": [3]}}, {"views": 3}, {"vocabulary": "a"}]
)
def test_a_description_that_fits_no_model_is_refused(changed):
    plain = {"obs_shape": [4], "obs_dtype": "float32", "obs_high": 1.0, "num_actions": 2}
    with pytest.raises(CheckpointError, match="not a description of spaces"):
        Spaces.from_plain(plain | changed)


def test_an_example_has_the_shape_that_a_network_reads():
    assert Spaces((5, 4, 3), "uint8", 1.0, 2).example(2).shape == (2, 3, 5, 4)
    assert spaces_of(packed()).example().shape == (1, 7)
    tokens = Spaces((8,), "int64", 49.0, 0, vocabulary=50).example(3)
    assert (tokens.shape, tokens.dtype) == ((3, 8), torch.int64)


def test_arrays_and_tensors_become_the_same_tensors_without_copying():
    images = np.random.default_rng(0).integers(0, 255, (6, 5, 4, 3), dtype=np.uint8)
    for given in (images, torch.from_numpy(images)):
        found = to_tensor(given)
        assert found.shape == (6, 3, 5, 4)
        assert np.array_equal(found.numpy(), images.transpose(0, 3, 1, 2))
        assert found.data_ptr() == images.ctypes.data
        assert to_tensor(given[0]).shape == (3, 5, 4)
        assert to_tensor(given.reshape(6, 60)).shape == (6, 60)
    images.flags.writeable = False
    assert as_tensor(images).data_ptr() != images.ctypes.data


@pytest.mark.parametrize("config", [ImpalaConfig(), GridMlpConfig()])
@pytest.mark.parametrize(
    ("made", "kind"),
    [(Spaces((8,), "int64", 49.0, 4, vocabulary=50), "tokens"), (spaces_of(packed()), "packed")],
)
def test_networks_for_images_say_that_they_read_nothing_else(config, made, kind):
    with pytest.raises(ConfigError, match=rf"{config.name} reads images .* environment has {kind}"):
        build(config, made)


def test_a_model_of_tokens_needs_no_policy(monkeypatch):
    def build_bigrams(_config, found, generator):
        table = nn.Embedding(found.vocabulary, found.vocabulary)
        nn.init.normal_(table.weight, generator=generator)
        return table

    monkeypatch.setattr(configs.registry, "resolve", lambda *_: build_bigrams)
    tokens = Spaces((8,), "int64", 49.0, 0, vocabulary=50)
    config = SimpleNamespace(name="bigrams")
    model = build(config, tokens, nn.Module, seed=1)
    assert model(tokens.example(2)).shape == (2, 8, 50)
    assert torch.equal(model.weight, build(config, tokens, nn.Embedding, seed=1).weight)
    with pytest.raises(ConfigError, match="model 'bigrams' built a Embedding; agents must be an"):
        build(config, tokens)


WORDS = spaces.Box(0, 1023, (5, 4, 1), np.int16)


def test_a_network_unpacks_channels_and_sees_what_it_sees_of_planes():
    found = spaces_of(env(WORDS, packed=10))
    assert found.image_shape("impala") == (5, 4, 10)
    assert found.kind == "images"
    assert Spaces.from_plain(found.to_plain()) == found
    config = ImpalaConfig(channels=(4, 4, 4), hidden=8)
    reads_words = build(config, found)
    reads_planes = build(config, Spaces((5, 4, 10), "uint8", 1.0, 4))
    words = np.random.default_rng(0).integers(0, 1024, (3, 5, 4, 1)).astype(np.int16)
    planes = np.stack([(words[..., 0] >> bit) & 1 for bit in range(10)], axis=-1).astype(np.uint8)
    for given in (to_tensor(words), to_tensor(words).float()):
        for one, other in zip(reads_words(given), reads_planes(to_tensor(planes)), strict=True):
            assert torch.equal(one, other)
    assert torch.equal(reads_words.unpack(to_tensor(words)), to_tensor(planes).short())
    assert reads_words(found.example(2))[0].shape == (2, 4)


@pytest.mark.parametrize("obs", [spaces.Box(0, 1, (5, 4, 1)), spaces.Box(0, 9, (5, 4, 2), int)])
def test_channels_packed_into_anything_but_one_whole_number_per_cell_are_refused(obs):
    with pytest.raises(ConfigError, match=r"whole numbers \[H, W, 1\]"):
        spaces_of(env(obs, packed=10))
