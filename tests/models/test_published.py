"""Files in the format of Langosco et al. load, and give what their network gives."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from chisel.configs import CheckpointError
from chisel.models import load_agent, load_published, to_tensor


def published_weights(channels, hidden=256, actions=15, seed=0):
    """Random weights with the published names and shapes, made without our modules."""
    rng = np.random.default_rng(seed)
    weights = {}

    def add(key, *shape):
        fan = int(np.prod(shape[1:]))
        weight = rng.normal(0, (2 / fan) ** 0.5, shape).astype(np.float32)
        bias = rng.normal(0, 0.1, shape[0]).astype(np.float32)
        weights[f"{key}.weight"] = torch.from_numpy(weight)
        weights[f"{key}.bias"] = torch.from_numpy(bias)

    width = 3
    for b, out in enumerate(channels, start=1):
        add(f"embedder.block{b}.conv", out, width, 3, 3)
        for r in (1, 2):
            for c in (1, 2):
                add(f"embedder.block{b}.res{r}.conv{c}", out, out, 3, 3)
        width = out
    add("embedder.fc", hidden, width * 8 * 8)
    add("fc_policy", actions, hidden)
    add("fc_value", 1, hidden)
    return weights


def write_published(path, weights):
    """A file as the public training code leaves it: weights and Adam's state, nothing else."""
    parameters = [torch.nn.Parameter(w.clone()) for w in weights.values()]
    adam = torch.optim.Adam(parameters, lr=5e-4, eps=1e-5)
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, 0.01)
    adam.step()
    payload = {"model_state_dict": weights, "optimizer_state_dict": adam.state_dict()}
    torch.save(payload, path)
    return path


def reference(weights, obs):
    """The published forward pass with functional operations."""

    def conv(x, key):
        return F.conv2d(x, weights[f"{key}.weight"], weights[f"{key}.bias"], padding=1)

    def linear(x, key):
        return F.linear(x, weights[f"{key}.weight"], weights[f"{key}.bias"])

    x = torch.from_numpy(np.transpose(obs / 255.0, (0, 3, 1, 2))).float()
    for b in (1, 2, 3):
        x = F.max_pool2d(conv(x, f"embedder.block{b}.conv"), kernel_size=3, stride=2, padding=1)
        for r in (1, 2):
            res = f"embedder.block{b}.res{r}"
            x = x + conv(F.relu(conv(F.relu(x), f"{res}.conv1")), f"{res}.conv2")
    x = F.relu(linear(F.relu(x).flatten(1), "embedder.fc"))
    return linear(x, "fc_policy"), linear(x, "fc_value").reshape(-1)


@pytest.mark.parametrize("channels", [(16, 32, 32), (64, 128, 128), (4, 6, 10)])
def test_a_published_file_loads_and_its_outputs_are_the_reference_ones(tmp_path, channels):
    weights = published_weights(channels)
    agent = load_published(write_published(tmp_path / "model_200015872.pth", weights))
    obs = np.random.default_rng(1).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    with torch.inference_mode():
        outputs = agent.outputs(to_tensor(obs))
        expected = reference(weights, obs)
    torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-4)
    assert list(agent.model.state_dict()) == list(weights)
    assert agent.spaces.obs_shape == (64, 64, 3)
    assert agent.spaces.num_actions == 15
    assert not agent.model.training
    assert agent.config is None


def test_the_widest_public_file_has_the_public_size(tmp_path):
    path = write_published(tmp_path / "model_rand_region_5.pth", published_weights((64, 128, 128)))
    assert path.stat().st_size == pytest.approx(43.9e6, rel=0.005)


def test_a_published_agent_takes_the_experiments_environment_but_not_its_network(tmp_path):
    path = write_published(tmp_path / "model.pth", published_weights((4, 6, 10), hidden=32))
    agent = load_agent(path, experiment_env="maze/hard")
    assert agent.config.model.channels == (4, 6, 10)
    assert agent.config.model.hidden == 32
    assert agent.config.env.mode == "hard"
    assert load_agent(path).config is None


def complaint(path):
    with pytest.raises(CheckpointError) as refused:
        load_published(path)
    lines = str(refused.value).splitlines()
    assert len(lines) <= 10
    assert str(path) in lines[0]
    return str(refused.value)


def test_a_missing_file_says_so(tmp_path):
    assert "No such file" in complaint(tmp_path / "none.pth")


def test_text_zeros_and_a_torn_file_are_refused(tmp_path):
    path = write_published(tmp_path / "model.pth", published_weights((4, 4, 4)))
    whole = path.read_bytes()
    for data in (b"hello", bytes(1000), whole[: len(whole) // 2], b""):
        path.write_bytes(data)
        assert "refused to load" in complaint(path)


def test_another_kind_of_checkpoint_says_what_it_holds(tmp_path):
    path = tmp_path / "model.pth"
    torch.save({"state_dict": {}, "epoch": 3}, path)
    assert "no model_state_dict, only 'state_dict', 'epoch'" in complaint(path)
    torch.save([1, 2], path)
    assert "list, not a dict" in complaint(path)


def test_missing_and_unexpected_weights_are_listed(tmp_path):
    weights = published_weights((4, 4, 4))
    del weights["fc_value.bias"]
    weights["fc_extra.bias"] = torch.zeros(3)
    text = complaint(write_published(tmp_path / "model.pth", weights))
    assert "missing: fc_value.bias [1]" in text
    assert "unexpected: fc_extra.bias [3]" in text


def test_weights_for_another_image_size_are_compared(tmp_path):
    weights = published_weights((4, 4, 4))
    weights["embedder.fc.weight"] = torch.zeros(256, 4 * 16)
    text = complaint(write_published(tmp_path / "model.pth", weights))
    assert "embedder.fc.weight: the file has [256, 64], this network [256, 256]" in text


def test_an_empty_state_dict_is_a_short_list(tmp_path):
    path = tmp_path / "model.pth"
    torch.save({"model_state_dict": {}, "optimizer_state_dict": {}}, path)
    text = complaint(path)
    assert "missing: embedder.block1.conv.weight [16, 3, 3, 3]" in text
    assert "and 28 more" in text


def test_the_recurrent_variant_is_named(tmp_path):
    weights = published_weights((4, 4, 4)) | {"gru.gru.weight_ih_l0": torch.zeros(3)}
    assert "recurrent" in complaint(write_published(tmp_path / "model.pth", weights))
