"""Steering vectors: what they are on paper, their controls and their files."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from chisel.analysis.interventions import record
from chisel.analysis.steering import (
    averaged,
    difference,
    load_vector,
    mean_difference,
    parse_steer,
    policy_layers,
    random_like,
    shuffled,
)
from chisel.configs import CheckpointError, ConfigError
from chisel.models import load_agent, to_tensor


@pytest.fixture
def agent(run_folder):
    return load_agent(run_folder)


LAYER = "embedder.block2.res1.resadd"


def test_policy_layers_are_those_whose_change_changes_the_logits(agent):
    layers = policy_layers(agent)
    assert "fc_policy" in layers
    assert "fc_value" not in layers
    assert LAYER in layers
    assert len(layers) == 41, "the 42 named modules of the public networks but the value head"


def test_control_vectors_have_the_same_length_and_are_reproducible():
    vectors = torch.arange(48.0).view(2, 6, 2, 2) - 7
    generator = torch.Generator().manual_seed(0)
    drawn = random_like(vectors, generator)
    torch.testing.assert_close(drawn.flatten(1).norm(dim=1), vectors.flatten(1).norm(dim=1))
    mixed = shuffled(vectors, generator)
    assert not torch.equal(mixed, vectors)
    torch.testing.assert_close(
        mixed.flatten(1).sort(dim=1).values, vectors.flatten(1).sort(dim=1).values
    )
    assert torch.equal(random_like(vectors, torch.Generator().manual_seed(0)), drawn)


def test_the_mean_difference_is_that_computed_by_hand():
    net = nn.Sequential(nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, 10]]))
    having, lacking = torch.tensor([[1.0, 1], [3, 1]]), torch.tensor([[0.0, 1]])
    assert mean_difference(net, "0", having, lacking).tolist() == [2]


def test_a_vector_is_the_same_after_saving_and_says_where_it_comes_from(agent, tmp_path):
    rng = np.random.default_rng(0)
    obs = rng.integers(2, size=(6, 9, 9, 3), dtype=np.uint8)
    vector = difference(agent, LAYER, obs[:4], obs[4:], {"states": "random ones"})
    loaded = load_vector(vector.save(tmp_path / "v.safetensors"))
    assert torch.equal(loaded.vector, vector.vector)
    assert (loaded.module, loaded.observations) == (LAYER, vector.observations)
    assert loaded.origin["sha256"] == agent.digest
    assert loaded.origin["states"] == "random ones"
    assert loaded.origin["counts"] == [4, 2]
    seen = record(agent.model, [LAYER], lambda: agent.policy(to_tensor(obs)))[LAYER]
    torch.testing.assert_close(vector.vector, seen[:4].mean(0) - seen[4:].mean(0))
    halved = averaged([vector, replace(vector, vector=0 * vector.vector)])
    torch.testing.assert_close(halved.vector, vector.vector / 2)
    with pytest.raises(ConfigError, match="cannot be averaged"):
        averaged([vector, replace(vector, module="embedder.fc")])
    with pytest.raises(ConfigError, match="no vector to average"):
        averaged([])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("file", "needs FILE:COEFF"),
        (":1", "needs FILE:COEFF"),
        ("file:one", "'one' is not a number"),
        ("file:nan", "not finite"),
        ("file:1,", "needs FILE:COEFF"),
    ],
)
def test_steer_options_that_cannot_be_read_are_refused(text, complaint):
    with pytest.raises(ConfigError, match=complaint):
        parse_steer(text)


def test_files_that_are_no_vectors_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="there is no"):
        load_vector(tmp_path / "nothing.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(b"no vector")
    with pytest.raises(CheckpointError, match="no steering vector"):
        load_vector(tmp_path / "torn.safetensors")
