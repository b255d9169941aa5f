"""Agents load from runs, checkpoints and shipped folders, or an error says why not."""

import dataclasses
import json

import pytest
import torch
from torch import nn
from torch.nn.utils import prune
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from chisel import configs
from chisel.configs import CheckpointError, ConfigError
from chisel.models import (
    ActorCritic,
    Agent,
    HalvesAutoencoder,
    Spaces,
    build,
    checkpoint_name,
    load,
    load_agent,
    load_weights,
    require_match,
    require_model,
    save_agent,
    write_checkpoint,
)

SPACES = Spaces((9, 9, 3), "uint8", 1.0, 15)


@pytest.fixture
def config():
    return configs.load("maze/smoke", ["model.channels=[4,6,6]", "model.hidden=8", "name=a"])


def checkpoint(folder, config, *, seed=0, iteration=4, about=None, spaces=SPACES):
    model = build(config.model, spaces, nn.Module, seed=seed)
    chisel = {
        "format": 2,
        "config": configs.to_plain(config),
        "spaces": spaces.to_plain(),
        "iteration": iteration,
        "env_steps": 1000 * iteration,
    }
    state = {f"model.{k}": v for k, v in model.state_dict().items()}
    payload = {
        "state_dict": state | {"norm.mean": torch.zeros(1)},
        "chisel": chisel | (about or {}),
    }
    path = folder / checkpoint_name(iteration)
    write_checkpoint(path, payload)
    return path, model


def assert_same_weights(model, other):
    for key, tensor in other.state_dict().items():
        assert torch.equal(model.state_dict()[key], tensor)


def test_a_run_a_checkpoint_folder_and_a_file_give_the_newest_agent(tmp_path, config):
    folder = tmp_path / "run" / "checkpoints"
    checkpoint(folder, config, seed=1, iteration=3)
    path, model = checkpoint(folder, config, seed=2, iteration=4)
    for given in (tmp_path / "run", folder, path, str(path)):
        agent = load_agent(given)
        assert_same_weights(agent.model, model)
        assert not agent.model.training
        assert agent.config == config
        assert agent.spaces == SPACES
        assert agent.env_steps == 4000
        assert agent.source == path
        assert f"{agent.digest}  {path.name}" in path.with_suffix(".ckpt.sha256").read_text()


def test_a_damaged_newest_checkpoint_is_passed_over_with_a_warning(tmp_path, config):
    older, _ = checkpoint(tmp_path / "checkpoints", config, iteration=1)
    newer, _ = checkpoint(tmp_path / "checkpoints", config, iteration=2)
    newer.write_bytes(b"torn")
    with pytest.warns(UserWarning, match=f"{newer.name} .* using {older.name}"):
        assert load_agent(tmp_path).source == older
    with pytest.raises(CheckpointError, match="damaged"):
        load_agent(newer)


def test_a_shipped_folder_gives_the_agent_back(tmp_path, config):
    path, model = checkpoint(tmp_path, config)
    shipped = save_agent(tmp_path / "shipped", load_agent(path))
    names = {p.name for p in shipped.iterdir()}
    assert names == {"weights.safetensors", "config.yaml", "agent.json"}
    agent = load_agent(shipped)
    assert_same_weights(agent.model, model)
    assert agent.config == config
    assert agent.spaces == SPACES
    assert agent.env_steps == 4000
    again = load_agent(agent.source)  # as the commands in results name it
    assert (again.source, again.digest) == (agent.source, agent.digest)


def test_an_autoencoder_loads_and_ships_like_an_agent_and_has_no_policy(tmp_path):
    config = configs.load("digits/halves", ["model.hidden=[5]", "model.code=4", "name=a"])
    path, model = checkpoint(tmp_path, config, spaces=Spaces((8, 8, 1), "float32", 1.0, 0))
    shipped = save_agent(tmp_path / "shipped", load(path))
    for source, file in ((path, path), (shipped, shipped / "weights.safetensors")):
        found = load(source)
        assert require_model(found, HalvesAutoencoder, "") is found
        assert_same_weights(found.model, model)
        assert not found.model.training
        assert (found.config, found.env_steps, found.source) == (config, 4000, file)
        refusal = "HalvesAutoencoder, which has no policy; give a run that learnt in an environment"
        with pytest.raises(CheckpointError, match=refusal):
            load_agent(source)
        with pytest.raises(CheckpointError, match=refusal):
            found.policy(torch.zeros(1, 1, 8, 8))


def test_a_network_of_another_class_than_needed_is_refused_by_its_file(tmp_path, config):
    path, _ = checkpoint(tmp_path, config)
    with pytest.raises(CheckpointError, match=f"{path} holds a network ActorCritic, which no"):
        require_model(load(path), HalvesAutoencoder, "nobody needs")


def tie_whole(first, second):
    second.weight = first.weight


def tie_part(first, second):
    second.register_buffer("part", first.weight.detach()[2:5, ::2])


def tie_transposed(first, second):
    second.register_buffer("turned", first.weight.detach().T)


@pytest.mark.parametrize("tie", [tie_whole, tie_part, tie_transposed])
def test_an_agent_with_tied_weights_is_shipped_and_tied_again(tmp_path, config, tie, monkeypatch):
    def build_tied(_config, spaces, _kind=nn.Module, *, seed=0):
        generator = torch.Generator().manual_seed(seed)
        first, second = nn.Linear(243, 243), nn.Linear(243, 243)
        for layer in (first, second):
            nn.init.uniform_(layer.weight, generator=generator)
            nn.init.uniform_(layer.bias, generator=generator)
        tie(first, second)
        embedder = nn.Sequential(nn.Flatten(), first, nn.ReLU(), second)
        return ActorCritic(
            embedder,
            hidden=243,
            num_actions=spaces.num_actions,
            obs_range=spaces.obs_range,
            generator=generator,
        )

    monkeypatch.setattr("chisel.models.loading.build", build_tied)
    model = build_tied(config.model, SPACES, seed=5)
    agent = Agent(model, SPACES, config, "digest", 4000, source=tmp_path)
    again = load_agent(save_agent(tmp_path / "shipped", agent)).model
    assert_same_weights(again, model)
    obs = torch.rand(4, 3, 9, 9)
    for mine, theirs in zip(model(obs), again(obs), strict=True):
        assert torch.equal(mine, theirs)
    with torch.no_grad():
        again.embedder[1].weight.add_(1)
    ties = [value for name, value in again.state_dict().items() if name.startswith("embedder.3")]
    assert any(value.min() >= 1 for value in ties if value.ndim == 2)


@pytest.mark.parametrize("change", [weight_norm, spectral_norm, prune.identity])
def test_a_network_that_could_not_be_loaded_again_is_not_shipped(tmp_path, config, change):
    path, _ = checkpoint(tmp_path, config)
    agent = load_agent(path)
    change(next(m for m in agent.model.modules() if isinstance(m, nn.Linear)), name="weight")
    with pytest.raises(CheckpointError, match="changed after it was built, does not fit"):
        save_agent(tmp_path / "shipped", agent)
    assert not (tmp_path / "shipped").exists()


def test_a_changed_shipped_weight_is_noticed(tmp_path, config):
    path, _ = checkpoint(tmp_path, config)
    shipped = save_agent(tmp_path / "shipped", load_agent(path))
    weights = shipped / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        load_agent(shipped)
    weights.write_bytes(data[:100])
    with pytest.raises(CheckpointError, match="cannot read"):
        load_agent(shipped)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 3}'])
def test_a_shipped_folder_with_a_bad_description_is_refused(tmp_path, config, text):
    path, _ = checkpoint(tmp_path, config)
    shipped = save_agent(tmp_path / "shipped", load_agent(path))
    (shipped / "agent.json").write_text(text)
    with pytest.raises(CheckpointError):
        load_agent(shipped)


def test_an_agent_without_config_is_not_shipped(tmp_path, config):
    path, _ = checkpoint(tmp_path, config)
    agent = dataclasses.replace(load_agent(path), config=None)
    with pytest.raises(CheckpointError, match="no config"):
        save_agent(tmp_path / "shipped", agent)


def test_paths_that_hold_no_agent_say_what_is_wrong(tmp_path, config):
    with pytest.raises(CheckpointError, match="there is no"):
        load_agent(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        load_agent(tmp_path)
    (tmp_path / "seed-0").mkdir()
    with pytest.raises(CheckpointError, match=r"group of runs.*seed-0"):
        load_agent(tmp_path)
    path, _ = checkpoint(tmp_path / "x", config)
    with pytest.raises(ConfigError, match=r"for published \.pth files"):
        load_agent(path, experiment_env="maze/hard")


@pytest.mark.parametrize(
    "about",
    [{"format": 3}, {"config": None}, {"config": {"env": 3}}, {"spaces": {}}, {"spaces": {"x": 1}}],
)
def test_a_checkpoint_of_another_schema_is_refused(tmp_path, config, about):
    path, _ = checkpoint(tmp_path, config, about=about)
    with pytest.raises(CheckpointError) as refused:
        load_agent(path)
    assert len(str(refused.value).splitlines()) == 1


def test_a_file_without_our_header_is_refused(tmp_path):
    path = tmp_path / checkpoint_name(1)
    write_checkpoint(path, {"state_dict": {}})
    with pytest.raises(CheckpointError, match="not a checkpoint of format 2"):
        load_agent(path)


@pytest.mark.parametrize(
    ("spaces", "channels", "expected"),
    [
        (Spaces((25, 25, 3), "uint8", 1.0, 15), [4, 6, 6], "embedder.fc.weight"),
        (Spaces((9, 9, 3), "uint8", 1.0, 5), [4, 6, 6], "fc_policy.weight"),
        (SPACES, [8, 8, 8], "embedder.block1.conv.weight"),
    ],
)
def test_weights_of_another_network_are_refused_with_a_short_diff(
    config, spaces, channels, expected
):
    wanted = configs.override(config, [f"model.channels={channels}"]).model
    model = build(wanted, spaces)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(CheckpointError) as refused:
        load_weights(model, build(config.model, SPACES).state_dict(), "old.ckpt")
    lines = str(refused.value).splitlines()
    assert len(lines) <= 10
    assert lines[0].startswith("old.ckpt does not fit")
    assert expected in str(refused.value)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_nested_descriptions_are_compared_by_dotted_keys():
    found = {"spaces": SPACES.to_plain(), "same": 1}
    wanted = {"spaces": SPACES.to_plain() | {"obs_shape": [64, 64, 3]}, "same": 1}
    with pytest.raises(CheckpointError) as refused:
        require_match("old.ckpt", found, wanted, "run")
    assert "spaces.obs_shape: the file has [9, 9, 3], this run [64, 64, 3]" in str(refused.value)
    assert "same" not in str(refused.value)
    require_match("old.ckpt", found, found)


def test_spaces_survive_json():
    assert Spaces.from_plain(json.loads(json.dumps(SPACES.to_plain()))) == SPACES
