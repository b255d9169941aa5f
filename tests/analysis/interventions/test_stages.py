"""A network that is run on from the middle gives the same bits as a whole pass."""

import pytest
import torch

from chisel import configs
from chisel.analysis.interventions import Stages, add, intervene, scale
from chisel.models import Spaces, build
from chisel.routing import Site

SPACES = Spaces((9, 9, 3), "uint8", 1.0, 15)
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
