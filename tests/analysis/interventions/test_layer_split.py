"""A network run on from the middle gives the outputs of a whole pass, and runs less."""

import pytest
import torch
from torch import nn

from chisel import configs
from chisel.analysis.interventions import LayerSplit, intervene
from chisel.analysis.interventions.layer_split import keep
from chisel.analysis.steering import policy_layers
from chisel.configs import ConfigError
from chisel.models import Agent, Spaces, build
from chisel.routing import Site

SPACES = Spaces((16, 16, 3), "uint8", 255.0, 15)
SMALL = {
    "maze/pixels-small": ["model.channels=[3,4,5]", "model.hidden=8"],
    "maze/routed-quick": ["model.channels=[2,3,3]", "model.hidden=8"],
    "oversight/routed": [],
}


def agent_of(experiment):
    """A network with all weights drawn, so that every layer has an effect."""
    config = configs.load(experiment, SMALL[experiment])
    model = build(config.model, SPACES).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # A gate that saturates shuts an expert out for good.
            parameter.normal_(0, 0.01 if ".gate_net." in name else 0.3, generator=generator)
    return Agent(model, SPACES, config, "0" * 64, None, source="here")


def images(count):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, 16, 16), generator=generator, dtype=torch.uint8)


def stretch(values):
    return 1.5 * values + 0.3


@pytest.mark.parametrize("experiment", list(SMALL))
def test_an_edit_of_any_layer_gives_the_bits_of_a_whole_pass(experiment):
    agent, obs = agent_of(experiment), images(5)
    layers = policy_layers(agent)
    kept = keep(agent.model, layers, obs)
    plain = agent.policy(obs)
    for layer in layers:
        with intervene(agent.model, {layer: stretch}), torch.no_grad():
            whole = agent.policy(obs)
        assert torch.equal(kept.logits(layer, stretch), whole), layer
        assert not torch.equal(whole, plain), layer
    assert torch.equal(agent.policy(obs), plain), "nothing is left behind"


def test_layers_before_an_edit_run_once():
    agent, calls = agent_of("maze/pixels-small"), []
    for block in ("block1", "block2", "block3"):
        conv = agent.model.get_submodule(f"embedder.{block}.conv")
        conv.register_forward_hook(lambda *_, block=block: calls.append(block))
    layers = ["embedder.block2.res1.conv1", "embedder.block2.res1.resadd", "fc_policy"]
    kept = keep(agent.model, layers, images(2))
    assert calls == ["block1", "block2", "block3"]
    for layer in layers:
        kept.logits(layer, lambda values: values)
    assert calls[3:] == ["block3", "block3"], "one for each of the two in block 2"


def test_an_edit_in_place_changes_nothing_else():
    agent, obs = agent_of("maze/pixels-small"), images(2)
    kept = keep(agent.model, ["embedder.block1"], obs)
    assert not torch.equal(kept.logits("embedder.block1", lambda v: v.zero_()), agent.policy(obs))
    assert torch.equal(kept.logits("embedder.block1", lambda v: v), agent.policy(obs))


def test_an_unknown_layer_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'embedder"):
        keep(agent_of("maze/pixels-small").model, ["embedder.block2.res1.resad"], images(1))


def test_the_axis_of_units_is_the_layers_own_or_the_sites():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Conv2d(4, 2, 1))
    tokens, images = torch.zeros(2, 5, 4), torch.zeros(2, 4, 3, 3)
    assert LayerSplit(net, "0").axis(tokens) == 2
    assert LayerSplit(net, "2").axis(images) == LayerSplit(net, "1").axis(images) == 1
    assert LayerSplit(net, Site("1", axis=-1)).axis(tokens) == 2
    with pytest.raises(ConfigError, match="give axis"):
        LayerSplit(net, "1").axis(tokens)
