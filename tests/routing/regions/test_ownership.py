"""A region owns the elements of parameters that its rules can keep still, and no others."""

import pytest
import torch
from torch import nn

from chisel import routing
from chisel.routing import RoutingError
from tests.routing.gradient.reference import images, mixed_net
from tests.routing.gradient.routed import OPTIONS, gradients


def test_a_region_owns_exactly_what_its_rules_can_keep_still():
    """Nothing more: every other element gets gradient, but for dead units."""
    model, inputs = mixed_net(), images(64)
    for module in ("relu1", "relu3", "relu4"):
        setattr(model, module, nn.Softplus())
    router = routing.attach(model, OPTIONS)
    found = gradients(model, inputs, router, torch.full((64,), 1))
    owned = router.owned()
    for name, gradient in found.items():
        mask = owned.get(name, {}).get("a", torch.zeros_like(gradient, dtype=torch.bool))
        assert torch.equal(gradient == 0, mask), name


def test_owned_elements_are_rows_producers_columns_and_whole_modules():
    torch.manual_seed(0)
    model = nn.ModuleDict(
        {
            "trunk": nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 6)),
            "expert": nn.Sequential(nn.Linear(6, 3), nn.LayerNorm(3)),
            "encoder": nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4)),
            "back": nn.ConvTranspose2d(2, 4, 3),
            "grouped": nn.Conv2d(4, 6, 1, groups=2),
        }
    )
    parts = [
        {"module": "trunk.1", "units": "1", "consumers": ["trunk.3", "grouped"]},
        {"module": "expert"},
        {"module": "encoder", "units": "1:3"},
        {"module": "back", "units": "2"},
    ]
    owned = routing.attach(model, {"regions": {"a": parts}}).owned()
    found = {name: masks["a"] for name, masks in owned.items()}
    expected = {name: torch.zeros_like(p, dtype=torch.bool) for name, p in model.named_parameters()}
    expected["trunk.0.weight"][1] = expected["trunk.0.bias"][1] = True
    expected["trunk.3.weight"][:, 4:8] = True
    expected["grouped.weight"][:3, 1] = True
    expected["back.weight"][:, 2] = expected["back.bias"][2] = True
    expected["encoder.2.weight"][1:3] = expected["encoder.2.bias"][1:3] = True
    for name in ("0.weight", "0.bias", "1.weight", "1.bias"):
        expected[f"expert.{name}"][:] = True
    assert set(found) == {name for name, mask in expected.items() if mask.any()}
    for name, mask in found.items():
        assert torch.equal(mask, expected[name]), name


def test_units_on_another_axis_than_a_layers_are_no_rows_of_it():
    model = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU())
    options = {"rules": {"off": {"a": 0}}}
    example = torch.randn(1, 2, 4, 4)
    regions = {"a": [{"module": "0", "axis": 3, "units": "0:2"}]}
    with pytest.raises(RoutingError, match="has its units on axis 1, not 3: leave axis out"):
        routing.attach(model, options | {"regions": regions}, example=example)
    options |= {"regions": {"a": [{"module": "1", "axis": 3, "units": "0:2"}]}}
    with pytest.raises(RoutingError, match="no parameter acts only through its units"):
        routing.attach(model, options, example=example)
    options |= {"unprotected": ["a"]}
    with pytest.warns(routing.UnprotectedRegion, match="region a is unprotected: no parameter"):
        router = routing.attach(model, options, example=example)
    assert router.owned() == {}
    with pytest.warns(routing.UnprotectedRegion):
        again = routing.attach(model, router.to_plain())
    assert dict(again.regions) == dict(router.regions)
