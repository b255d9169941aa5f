"""A mixture weights experts by shares, and still works when an expert is ablated."""

import pytest
import torch
from torch import nn

from chisel import routing
from chisel.models.mixture import Mixture


def mixture(names=("diamond", "ghost"), features=6, seed=0):
    torch.manual_seed(seed)
    experts = {
        name: nn.Sequential(nn.Flatten(), nn.Linear(2 * 3 * 4, features), nn.Tanh())
        for name in names
    }
    gate = nn.Sequential(nn.Flatten(), nn.Linear(2 * 3 * 4, len(names)))
    return Mixture(experts, gate)


def without(model, index):
    """Zero one unit of the gate's output, as an ablation does."""

    def hook(module, inputs, shares):
        shares = shares.clone()
        shares[:, index] = 0
        return shares

    return model.gate.register_forward_hook(hook)


def test_features_are_the_experts_weighted_by_the_softmax_of_the_logits():
    model, image = mixture(("a", "b", "c")), torch.randn(5, 2, 3, 4)
    logits = model.gate_net(image)
    shares = logits.exp() / logits.exp().sum(1, keepdim=True)
    by_hand = sum(shares[:, [k]] * e(image) for k, e in enumerate(model.experts.values()))
    torch.testing.assert_close(model(image), by_hand)


@pytest.mark.parametrize(("index", "left"), [(0, "ghost"), (1, "diamond")])
def test_with_one_of_two_experts_ablated_the_other_passes_through_whole(index, left):
    model, image = mixture(), torch.randn(5, 2, 3, 4)
    without(model, index)
    torch.testing.assert_close(model(image), model.experts[left](image))


def test_of_three_experts_the_remaining_two_share_in_the_same_proportion():
    model, image = mixture(("a", "b", "c")), torch.randn(5, 2, 3, 4)
    odds = model.gate_net(image).exp()
    a, _, c = (expert(image) for expert in model.experts.values())
    expected = (odds[:, [0]] * a + odds[:, [2]] * c) / (odds[:, [0]] + odds[:, [2]])
    without(model, 1)
    torch.testing.assert_close(model(image), expected)


def test_with_no_expert_left_features_are_zero():
    model, image = mixture(), torch.randn(5, 2, 3, 4)
    without(model, 0)
    without(model, 1)
    assert torch.equal(model(image), torch.zeros(5, 6))


def test_gradient_is_that_of_the_plain_weighted_sum():
    model, image = mixture(), torch.randn(5, 2, 3, 4)
    target = torch.randn(5, 6)
    (model(image) - target).square().sum().backward()
    found = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    share = torch.sigmoid(model.gate_net(image)[:, :1] - model.gate_net(image)[:, 1:])
    diamond, ghost = (expert(image) for expert in model.experts.values())
    (share * diamond + (1 - share) * ghost - target).square().sum().backward()
    for grad, parameter in zip(found, model.parameters(), strict=True):
        torch.testing.assert_close(grad, parameter.grad, rtol=1e-4, atol=1e-5)


def test_the_modules_that_routes_name_exist():
    names = dict(mixture().named_modules())
    assert {"experts.diamond", "experts.ghost", "gate_net", "gate"} <= names.keys()


def test_routing_knows_how_many_experts_the_gate_shares_among():
    """Routing reads it from an example, also if the layer before has fewer units."""
    model = mixture()
    model.gate_net = nn.Sequential(
        nn.Flatten(), nn.Linear(2 * 3 * 4, 1), nn.ConstantPad1d((0, 1), 0.0)
    )
    part = {"module": "gate", "units": "1"}
    regions = routing.resolve(model, {"ghost": [part]}, torch.zeros(1, 2, 3, 4))
    assert regions["ghost"].parts[0].units == (1,)
    assert regions["ghost"].parts[0].size == 2


def test_one_expert_is_refused():
    with pytest.raises(ValueError, match="at least two"):
        mixture(("alone",))
