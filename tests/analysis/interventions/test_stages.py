"""A network that is run on from the middle gives the same bits as a whole pass."""

import pytest
import torch

from chisel import configs
from chisel.analysis.interventions import Stages, add, intervene, scale
from chisel.analysis.steering import policy_layers
from chisel.models import Agent, Spaces, build
from chisel.routing import Site

SPACES = Spaces((9, 9, 3), "uint8", 1.0, 15)
SMALL = {
    "maze/pixels-small": ["model.channels=[3,4,5]", "model.hidden=8"],
    "maze/routed-quick": ["model.channels=[2,3,3]", "model.hidden=8"],
    "oversight/routed": [],
}
PLACES = [
    "embedder.block1.conv",
    "embedder.block1.res1.conv1",
    "embedder.block2",
    "embedder.block2.maxpool",
    "embedder.block2.res1.resadd",
    "embedder.block3.res2",
    "embedder.block3.res2.resadd",
    "embedder.relu3",
    "embedder.fc",
    "embedder.relufc",
    "embedder",
    "fc_policy",
    "fc_value",
    Site("embedder.block2", side="input"),
    Site("embedder.block2.res1.resadd", side="input", element=1),
    Site("embedder.fc", side="input"),
]


def network(spaces=SPACES):
    small = ["model.channels=[3,4,4]", "model.hidden=8"]
    return build(configs.load("maze/quick", small).model, spaces, seed=1).eval()


def observations(count=5):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 2, (count, 3, 9, 9), generator=generator, dtype=torch.uint8)


def agent_of(experiment):
    """A network with all weights drawn, so that every layer has an effect."""
    config = configs.load(experiment, SMALL[experiment])
    spaces = Spaces((16, 16, 3), "uint8", 255.0, 15)
    model = build(config.model, spaces).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # A gate that saturates shuts an expert out for good.
            parameter.normal_(0, 0.01 if ".gate_net." in name else 0.3, generator=generator)
    return Agent(model, spaces, config, "0" * 64, None, source="here")


def images(count):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, 16, 16), generator=generator, dtype=torch.uint8)


def stretch(values):
    return 1.5 * values + 0.3


@pytest.mark.parametrize("experiment", list(SMALL))
def test_an_edit_of_any_layer_gives_the_bits_of_a_whole_pass(experiment):
    agent, obs = agent_of(experiment), images(5)
    stages, plain = Stages(agent.model), agent.policy(obs)
    for layer in policy_layers(agent):
        stage = stages.of([Site(layer)])
        entering = stages.before(stage, obs)
        with intervene(agent.model, {layer: stretch}), torch.no_grad():
            whole = agent.policy(obs)
            assert torch.equal(stages.after(stage, entering, obs)[0], whole), layer
        assert not torch.equal(whole, plain), layer
    assert torch.equal(agent.policy(obs), plain), "nothing is left behind"


def test_layers_before_an_edit_run_once():
    agent, calls = agent_of("maze/pixels-small"), []
    for block in ("block1", "block2", "block3"):
        conv = agent.model.get_submodule(f"embedder.{block}.conv")
        conv.register_forward_hook(lambda *_, block=block: calls.append(block))
    stages, obs = Stages(agent.model), images(2)
    layers = ["embedder.block2.res1.conv1", "embedder.block2.res1.resadd", "fc_policy"]
    begins = [stages.of([Site(layer)]) for layer in layers]
    entering = [stages.before(stage, obs) for stage in begins]
    assert calls == ["block1", "block2"] * 2 + ["block1", "block2", "block3"]
    calls.clear()
    for stage, values in zip(begins, entering, strict=True):
        stages.after(stage, values, obs)
    assert calls == ["block3", "block3"], "one for each of the two in block 2"


def test_an_edit_in_place_changes_nothing_else():
    agent, obs = agent_of("maze/pixels-small"), images(2)
    stages, plain = Stages(agent.model), agent.policy(obs)
    stage = stages.of([Site("embedder.block1.res1.resadd")])
    entering = stages.before(stage, obs)
    with intervene(agent.model, {"embedder.block1.res1.resadd": lambda v: v.zero_()}):
        assert not torch.equal(stages.after(stage, entering, obs)[0], plain)
    assert torch.equal(stages.after(stage, entering, obs)[0], plain)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_an_edit_anywhere_is_the_same_from_its_stage_on(place):
    model, obs = network(), observations()
    stages = Stages(model)
    site = place if isinstance(place, Site) else Site(place)
    stage = stages.of([site])
    entering = stages.before(stage, obs)
    with torch.no_grad(), intervene(model, {place: scale(1.5)}):
        expected = model(obs)
        found = stages.after(stage, entering, obs)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_of_several_sites_the_earliest_decides():
    stages = Stages(network())
    late, early = Site("embedder.fc"), Site("embedder.block1.res2")
    assert stages.of([late, early]) == stages.of([early]) < stages.of([late])
    assert stages.of([]) == len(stages.layers)


def test_an_edit_of_a_sum_begins_after_its_residual_unit():
    stages = Stages(network())
    added, unit = Site("embedder.block2.res1.resadd"), Site("embedder.block2.res1")
    assert stages.of([unit]) < stages.of([added]) < stages.of([Site("embedder.block2.res2")])


def test_experts_behind_a_gate_run_whole():
    settings = ["model.channels=[3,4]", "model.hidden=8", "model.gate_channels=[3]"]
    model = build(configs.load("maze/routed-quick", settings).model, SPACES, seed=1).eval()
    stages, obs = Stages(model), observations()
    assert stages.of([Site("embedder.gate_net")]) == 0
    assert stages.before(0, obs) is obs
    with torch.no_grad(), intervene(model, {"embedder.gate_net": add(torch.ones(2))}):
        torch.testing.assert_close(stages.after(0, obs, obs)[0], model(obs)[0], rtol=0, atol=0)
