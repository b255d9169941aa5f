"""A region that is dropped on some examples is gone there, forward and backward, and only there."""

import pytest
import torch
from torch import nn

from chisel import routing

PARTS = {"left": [{"module": "1", "units": "0:3"}], "right": [{"module": "1", "units": "3:8"}]}


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2)).double()


def test_dropped_examples_equal_the_ablated_network_and_the_others_the_whole_one():
    model, x = net(), torch.randn(6, 5, dtype=torch.float64)
    regions = routing.resolve(model, PARTS)
    whole = model(x)
    with routing.ablate(model, regions, {"left": "zero"}):
        without = model(x)
    drop = routing.RegionDropout(model, regions)
    flags = torch.tensor([True, False, True, False, False, True])
    drop.use({"left": flags})
    out = model(x)
    assert torch.equal(out[flags], without[flags])
    assert torch.equal(out[~flags], whole[~flags])
    drop.clear()
    assert torch.equal(model(x), whole)


def test_no_gradient_reaches_the_weights_that_make_a_dropped_region():
    model, x = net(), torch.randn(4, 5, dtype=torch.float64)
    drop = routing.RegionDropout(model, routing.resolve(model, PARTS))
    drop.use({"left": torch.ones(4, dtype=torch.bool)})
    model(x).sum().backward()
    assert not model[0].weight.grad[:3].any()
    assert model[0].weight.grad[3:].any()


def test_another_batch_than_that_of_the_flags_is_refused():
    model = net()
    drop = routing.RegionDropout(model, routing.resolve(model, PARTS))
    drop.use({"left": torch.ones(4, dtype=torch.bool)})
    with pytest.raises(routing.RoutingError, match="some of 4 examples, but 5 pass"):
        model(torch.randn(5, 5, dtype=torch.float64))
