"""A loss term may have rules of its own at the module where the heads fork."""

import torch
from torch import nn

from chisel import routing
from tests.routing.gradient.reference import images, mixed_net
from tests.routing.gradient.routed import LABELS, OPTIONS, equal, gradients, same


def two_heads():
    torch.manual_seed(0)
    return nn.ModuleDict(
        {
            "trunk": nn.Sequential(nn.Linear(3, 6), nn.Tanh()),
            "policy": nn.Linear(6, 2),
            "value": nn.Linear(6, 1),
        }
    ).double()


def test_a_loss_term_may_have_rules_of_its_own_at_the_fork():
    model, inputs = two_heads(), torch.randn(4, 3, dtype=torch.float64)
    labels = torch.tensor([0, 0, 1, -1])
    region = {"module": "trunk.1", "units": "0:3", "consumers": ["policy", "value"]}
    rules = {"on": {"a": 1}, "off": {"a": 0}}
    options = {"regions": {"a": [region]}, "rules": rules}

    def losses(router):
        model.zero_grad()
        with router.labels(labels):
            features = model["trunk"](inputs)
            value = model["value"](router.fork(features, "value")).square().sum()
            policy = model["policy"](router.fork(features, "policy")).pow(3).sum()
            (policy + value).backward()
        router.detach()
        return {name: p.grad.clone() for name, p in model.named_parameters()}

    terms = {"value": {"on": {"a": -0.5}, "off": {"a": 1}}}
    routed = losses(routing.attach(model, options | {"terms": terms}, fork="trunk"))

    def term(name, rules):
        router = routing.attach(model, options | {"rules": rules})
        model.zero_grad()
        with router.labels(labels):
            output = model[name](model["trunk"](inputs))
            (output.pow(3) if name == "policy" else output.square()).sum().backward()
        router.detach()
        return {n: 0 if p.grad is None else p.grad.clone() for n, p in model.named_parameters()}

    policy, value = term("policy", rules), term("value", terms["value"])
    same(routed, {name: policy[name] + value[name] for name in routed})


def test_a_forward_pass_after_a_loss_terms_heads_takes_the_rules_for_all_terms():
    """A later forward pass under the same labels takes the rules for all again."""
    model, inputs = two_heads(), torch.randn(4, 3, dtype=torch.float64)
    inside = {"module": "trunk.0", "at": "parameters", "units": "3:6"}
    at_fork = {"module": "trunk.1", "units": "0:3", "consumers": ["value"]}
    options = {
        "regions": {"a": [at_fork], "b": [inside]},
        "rules": {"off": {"a": 0, "b": 0}},
        "terms": {"value": {"off": {"a": 1}}},
    }
    router = routing.attach(model, options, fork="trunk")
    found = []
    with router.labels(torch.zeros(4, dtype=torch.long)):
        for term in ("policy", "value", "policy"):
            model.zero_grad()
            model["value"](router.fork(model["trunk"](inputs), term)).sum().backward()
            found.append([p.grad.clone() for p in model["trunk"].parameters()])
    torch.testing.assert_close(found[0], found[2], rtol=0, atol=0)
    assert all((gradient == 0).all() for gradient in found[0])
    assert (found[1][0][:3] != 0).all()
    assert (found[1][0][3:] == 0).all()


def test_without_terms_a_fork_routes_as_the_module_itself_would():
    model, inputs = mixed_net(), images()
    expected = gradients(model, inputs, router := routing.attach(model, OPTIONS), LABELS)
    router.detach()
    router = routing.attach(model, OPTIONS, fork="relu4")
    model.zero_grad()
    with router.labels(LABELS):
        model.head(router.fork(model[:-1](inputs), "policy")).square().sum().backward()
    equal({name: p.grad for name, p in model.named_parameters()}, expected)
