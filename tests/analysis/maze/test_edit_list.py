"""A list of edits as plain values does what the same edits in Python do, in its order."""

import pytest
import torch

from chisel.analysis.interventions import add, clamp, intervene, project_out, scale
from chisel.analysis.maze import EditList, Ingredients, read_edits, with_and_without
from chisel.analysis.steering import mean_difference, random_like
from chisel.configs import ConfigError
from chisel.envs.maze import MazeState, observe_states
from chisel.models import load_agent, to_tensor
from chisel.routing import ablate, resolve

LAYER = "embedder.block2.res1.resadd"
MAZE = [".#C", ".#.", "M.."]


@pytest.fixture(scope="module")
def agent():
    return load_agent("agents/maze-quick/seed-0")


@pytest.fixture(scope="module")
def obs(agent):
    state = MazeState.from_drawing("\n".join(MAZE), mode="easy")
    return to_tensor(observe_states([state], agent.config.env))


@pytest.fixture(scope="module")
def vector(agent):
    state = MazeState.from_drawing("\n".join(MAZE), mode="easy")
    pair = with_and_without("cheese", [state], agent.config.env)
    seen = [to_tensor(observe_states(states, agent.config.env)) for states in pair]
    return mean_difference(agent.model, LAYER, *seen)


RECIPE = {"make": "cheese", "maze": MAZE}


def outputs(agent, obs, plain):
    with torch.no_grad(), EditList(Ingredients(agent), read_edits(plain))():
        return agent.policy(obs)


@pytest.mark.parametrize(
    ("plain", "edit"),
    [
        ({"kind": "add", "vector": RECIPE, "strength": -2}, lambda v: add(v, -2)),
        ({"kind": "project", "vector": RECIPE}, project_out),
        ({"kind": "clamp", "channels": [1, 2], "value": 3}, lambda v: clamp([1, 2], None, 3)),
        (
            {"kind": "clamp", "channels": [1], "value": 3, "cells": [[0, 2]]},
            lambda v: clamp(1, [(0, 2)], 3),
        ),
        ({"kind": "scale", "factor": 0.5, "channels": [4]}, lambda v: scale(0.5, [4])),
        (
            {"kind": "add", "vector": RECIPE, "control": True, "seed": 5},
            lambda v: add(random_like(v[None], torch.Generator().manual_seed(5))[0]),
        ),
    ],
    ids=lambda one: one.get("kind") if isinstance(one, dict) else "",
)
def test_an_edit_is_the_one_of_that_name(agent, obs, vector, plain, edit):
    with torch.no_grad(), intervene(agent.model, {LAYER: edit(vector)}):
        expected = agent.policy(obs)
    found = outputs(agent, obs, [plain | {"site": LAYER}])
    torch.testing.assert_close(found, expected)
    assert not torch.equal(found, outputs(agent, obs, []))


def test_edits_of_one_layer_are_made_in_their_order(agent, obs):
    double = {"kind": "scale", "site": LAYER, "factor": 2}
    clamped = {"kind": "clamp", "site": LAYER, "channels": [0], "value": 1}
    expected = [
        {"kind": "scale", "site": LAYER, "factor": 2},
        {"kind": "clamp", "site": LAYER, "channels": [0], "value": 2},
    ]
    torch.testing.assert_close(
        outputs(agent, obs, [clamped, double]), outputs(agent, obs, expected)
    )
    assert not torch.equal(
        outputs(agent, obs, [clamped, double]), outputs(agent, obs, [double, clamped])
    )


def test_a_strength_in_norms_of_the_layer_is_a_vector_of_that_norm(agent, vector):
    plain = {"kind": "add", "site": LAYER, "vector": RECIPE, "strength": 0.5, "unit": "norm"}
    ingredients = Ingredients(agent)
    made = EditList(ingredients, read_edits([plain]))
    length = made.coefficients[0] * float(vector.norm())
    assert length == pytest.approx(0.5 * ingredients.norm(LAYER), rel=1e-5)
    assert ingredients.norm(LAYER) > 0


def test_an_ablated_region_is_the_routed_one_and_its_control_has_as_many_units():
    routed = load_agent("agents/maze-routed-quick/seed-0")
    side = routed.spaces.obs_shape[0]
    generator = torch.Generator().manual_seed(0)
    obs = torch.randint(0, 2, (4, 3, side, side), generator=generator, dtype=torch.uint8)
    regions = resolve(routed.model, routed.regions)
    with torch.no_grad(), ablate(routed.model, regions, {"corner": "zero"}):
        expected = routed.policy(obs)
    plain = {"kind": "ablate", "region": "corner"}
    torch.testing.assert_close(outputs(routed, obs, [plain]), expected)
    (read,) = read_edits([plain | {"control": True}])
    control, means = Ingredients(routed).region(read)
    assert means is None
    drawn = [len(part.units) for part in control.parts]
    assert sum(drawn) == sum(len(p.units) for p in regions["corner"].parts if p.size >= 8)


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ({}, "edits are a list"),
        ([{}], "edits[0].kind"),
        ([{"kind": "ad"}], "did you mean 'add'"),
        ([{"kind": "scale", "site": LAYER}], "edits[0].factor is missing"),
        ([{"kind": "scale", "site": LAYER, "factor": "2"}], "edits[0].factor: '2' is not a number"),
        ([{"kind": "scale", "site": LAYER, "factor": float("inf")}], "is not finite"),
        ([{"kind": "scale", "site": LAYER, "factor": 1, "unit": 3}], "edits[0].unit: unknown"),
        ([{"kind": "clamp", "site": LAYER, "channels": [1.5], "value": 1}], "channels[0]"),
        ([{"kind": "clamp", "site": LAYER, "channels": 1, "value": 1}], "is no list"),
        ([{"kind": "clamp", "site": LAYER, "channels": [1], "value": 1, "cells": [[1]]}], "1 val"),
    ],
)
def test_a_list_of_a_wrong_form_is_refused_where_it_is_wrong(plain, words):
    with pytest.raises(ConfigError) as refused:
        read_edits(plain)
    assert words in str(refused.value)


def test_a_vector_of_zeros_is_refused(agent):
    same = {"make": "cheese", "maze": MAZE}
    edit = {"kind": "add", "site": "embedder.block1.res1.relu2", "vector": same}
    assert EditList(Ingredients(agent), read_edits([edit | {"on": False}])).sites == []
    with pytest.raises(ConfigError, match="no module"):
        EditList(Ingredients(agent), read_edits([edit | {"site": "embedder.block7"}]))
