"""Squared gradient norms count the elements that each region alone owns, and shares of them."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from chisel import routing
from chisel.analysis.localization import Elements, SquaredGradientNorms, sides_of
from chisel.analysis.localization.gradient_norm import MEAN, Sides
from chisel.analysis.results import plain

PARTS = {
    "left": [{"module": "1", "units": "0:2", "consumers": ["2"]}],
    "right": [{"module": "1", "units": "2:4", "consumers": ["2"]}],
    "top": [{"module": "2", "at": "parameters", "units": "0"}],
}


def small():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2))


@pytest.fixture
def elements():
    model = small()
    router = routing.attach(model, {"regions": PARTS, "rules": {}})
    return model, Elements.of(model, router.owned())


def test_each_elements_square_is_counted_once_and_crossings_are_shared(elements):
    model, parts = elements
    model(torch.randn(5, 3)).square().sum().backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    found = parts.squares(gradients)
    total = sum(float(g.double().square().sum()) for g in gradients.values())
    assert found.sum() == pytest.approx(total)
    assert parts.regions == ("left", "right", "top", "shared")
    assert parts.layers == ("0", "2")
    squares = {name: g.double().square().numpy() for name, g in gradients.items()}
    left = [squares["0.weight"][:2].sum() + squares["0.bias"][:2].sum(), squares["2.weight"][1, :2]]
    np.testing.assert_allclose(found[0], [left[0], left[1].sum()])
    top = squares["2.weight"][0, 4:].sum() + squares["2.bias"][0]
    np.testing.assert_allclose(found[2], [0, top])
    crossing = squares["2.weight"][0, :4].sum() + squares["2.weight"][1, 4:].sum()
    np.testing.assert_allclose(found[3][1], crossing + squares["2.bias"][1])
    assert parts.sizes.sum() == sum(p.numel() for p in model.parameters())
    assert parts.sizes.tolist() == [[8, 2], [8, 2], [0, 3], [8, 7]]


def test_a_parameter_without_gradient_adds_nothing(elements):
    model, parts = elements
    gradients = {name: None for name, _ in model.named_parameters()}
    gradients["2.bias"] = torch.tensor([2.0, 3.0])
    assert parts.squares(gradients).tolist() == [[0, 0], [0, 0], [0, 4], [0, 9]]


ROUTED = {"a": {"a": 1, "b": 0, "gate": 0}, "b": {"a": 0, "b": 1, "gate": 0}}


@pytest.mark.parametrize(
    ("kinds", "rules", "expected"),
    [
        ("ab", ROUTED, {"a": (("a",), ("b",)), "b": (("b",), ("a",))}),
        ("abc", ROUTED | {"c": {}}, {"a": (("a",), ("b", "gate")), "b": (("b",), ("a", "gate"))}),
        ("ab", {}, {"a": (("a",), ("b", "gate")), "b": (("b",), ("a", "gate"))}),
        ("ab", {"a": {"b": -0.5}}, {}),
        ("ab", {"a": {"b": 0}, "b": {"a": 0.3}}, {"a": (("a",), ("b",)), "b": (("b",), ("a",))}),
    ],
)
def test_sides_are_the_regions_that_rules_or_names_tell_apart(kinds, rules, expected):
    regions = ("a", "b", "gate")
    if not rules:  # nothing goes with the gate's name
        expected = {
            kind: (own, ("b" if kind == "a" else "a",)) for kind, (own, _) in expected.items()
        }
    found = sides_of(tuple(kinds), regions, rules)
    assert {kind: (s.own, s.foreign) for kind, s in found.items()} == expected


def norms_of(values, kinds=("a", "b"), names=("a", "b"), layers=("x.a.fc", "x.b.fc", "head")):
    """Regions a and b own the layers of their name, 10 and 30 elements; the head is shared."""
    sizes = np.array([[10, 0, 0], [0, 30, 0], [0, 0, 5]])
    parts = Elements((*names, "shared"), layers, sizes, {})
    return SquaredGradientNorms(kinds, parts, np.asarray(values, float))


def batch(a, b):
    """Norms of kinds a and b in regions a and b."""
    return [[[of[0], 0, 0], [0, of[1], 0], [0, 0, 1]] for of in (a, b)]


SIDES = {"a": Sides(("a",), ("b",)), "b": Sides(("b",), ("a",))}


def test_own_shares_are_ratios_of_sums_over_batches():
    norms = norms_of([batch((3, 1), (2, 2)), batch((9, 3), (1, 5))])
    shares = norms.own_shares(SIDES, np.random.default_rng(0))
    assert shares["a"].value == pytest.approx(12 / 16)
    assert shares["b"].value == pytest.approx(7 / 10)
    assert shares[MEAN].value == pytest.approx((12 / 16 + 7 / 10) / 2)
    assert np.isnan(shares["a"].low), "two batches that agree say nothing of others"
    assert (shares["b"].low, shares["b"].high) == (0, 1), "nor do two that differ"
    assert norms.expected(SIDES["a"]) == 0.25
    assert norms.expected(SIDES["b"]) == 0.75


def test_a_region_that_attracts_everything_cancels_out_of_the_mean():
    for bias in (1, 5, 100):
        alike = norms_of([batch((bias, 1), (bias, 1)), batch((2 * bias, 2), (3 * bias, 3))])
        shares = alike.own_shares(SIDES, np.random.default_rng(0))
        assert shares["a"].value == pytest.approx(bias / (bias + 1))
        assert shares[MEAN].value == pytest.approx(0.5)


def test_batches_without_a_kind_are_left_out_of_its_norms():
    some = np.array([batch((3, 1), (2, 2)), batch((9, 3), (1, 5))], float)
    some[1, 1] = np.nan
    norms = norms_of(some)
    assert norms.own_shares(SIDES, np.random.default_rng(0))["b"].value == 0.5
    np.testing.assert_allclose(norms.matrix(), [[6, 2, 1], [2, 2, 1]])
    some[:, 1] = np.nan
    norms = norms_of(some)
    assert np.isnan(norms.own_shares(SIDES, np.random.default_rng(0))["b"].value)
    assert plain(norms)["mass"]["b"] == {"a": None, "b": None, "shared": None}
    json.dumps(plain(norms), allow_nan=False)


def test_corresponding_layers_of_experts_are_compared():
    norms = norms_of([batch((3, 1), (2, 2)), batch((9, 3), (1, 5))])
    by_layer = norms.own_shares_by_layer(SIDES)
    assert list(by_layer) == ["x.*.fc"]
    assert by_layer["x.*.fc"] == pytest.approx({"a": 0.75, "b": 0.7})


def test_tables_are_named_and_per_parameter_is_norm_by_size():
    norms = norms_of([batch((3, 1), (2, 2))])
    np.testing.assert_allclose(norms.per_parameter()[0], [0.3, 1 / 30, 0.2])
    np.testing.assert_allclose(norms.shares().sum(axis=1), 1)
    named = norms.to_plain()
    assert named["layers"]["a"] == {"a": {"x.a.fc": 3}, "b": {"x.b.fc": 1}, "shared": {"head": 1}}
    assert named["share"]["b"]["a"] == pytest.approx(2 / 5)
