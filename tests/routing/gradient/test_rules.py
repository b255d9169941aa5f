"""Labels take their rules' weights, and unknown names and impossible labels are refused."""

import pytest
import torch
from torch import nn

from chisel import routing
from chisel.routing import RoutingError
from tests.routing.gradient.reference import images, mixed_net
from tests.routing.gradient.routed import LABELS, OPTIONS, equal, gradients, same


def test_unlabelled_examples_take_the_weights_for_unlabelled():
    model, inputs = mixed_net(), images()
    nobody = torch.full((7,), -1)
    plain = gradients(model, inputs)
    router = routing.attach(model, OPTIONS)
    same(gradients(model, inputs, router, nobody), plain)
    router.detach()
    as_first = routing.attach(model, OPTIONS | {"unlabelled": {"b": 0}})
    equal(
        gradients(model, inputs, as_first, nobody),
        gradients(model, inputs, as_first, torch.zeros(7, dtype=torch.long)),
    )


def test_soft_labels_mix_the_weights_of_their_labels():
    model, inputs = mixed_net(), images()
    router = routing.attach(model, OPTIONS | {"unlabelled": {"a": 0.5}})
    hard = nn.functional.one_hot(LABELS.clamp(min=0), 2).double() * (LABELS >= 0).unsqueeze(1)
    same(gradients(model, inputs, router, hard), gradients(model, inputs, router, LABELS))
    halves = torch.full((7, 2), 0.5)
    router.detach()
    mean = routing.attach(model, OPTIONS | {"rules": {"mean": {"a": 0.5, "b": 0.5}}})
    expected = gradients(model, inputs, mean, torch.zeros(7, dtype=torch.long))
    mean.detach()
    router = routing.attach(model, OPTIONS)
    same(gradients(model, inputs, router, halves), expected)


def test_strength_interpolates_between_no_routing_and_the_rules():
    model, inputs = mixed_net(), images()
    plain = gradients(model, inputs)
    router = routing.attach(model, OPTIONS)
    full = gradients(model, inputs, router, LABELS)
    router.strength = 0.0
    same(gradients(model, inputs, router, LABELS), plain)
    router.strength = 0.25
    quarter = gradients(model, inputs, router, LABELS)
    router.detach()
    rules = {"first": {"b": 0.75}, "second": {"a": 0.75}}
    softer = routing.attach(model, OPTIONS | {"rules": rules})
    equal(gradients(model, inputs, softer, LABELS), quarter)
    softer.strength = 4.0
    same(gradients(model, inputs, softer, LABELS), full)


@pytest.mark.parametrize(
    ("changes", "fork", "message"),
    [
        ({"rules": {"x": {"c": 1}}}, None, "rules.x: no region 'c'"),
        ({"rules": {"x": {"a": "much"}}}, None, "rules.x.a: 'much' is not a weight"),
        ({"rules": {"x": {"a": True}}}, None, "rules.x.a: True is not a weight"),
        ({"rules": {"x": {"a": float("nan")}}}, None, "rules.x.a: nan is not a weight"),
        ({"rules": ["x"]}, None, "rules: needs a mapping"),
        ({"unlabelled": {"c": 1}}, None, "unlabelled: no region 'c'"),
        ({"terms": {"value": {"third": {"a": 1}}}}, "relu4", "terms.value: no label 'third'"),
        ({"terms": {"value": {"first": {"a": 1}}}}, None, "need a fork"),
        ({"terms": {"value": {"first": {"a": 1}}}}, "tanh", "a has no units at the output of tanh"),
        ({}, "relu9", "fork: the model has no module 'relu9'"),
    ],
)
def test_rules_with_unknown_names_are_refused_and_leave_no_hooks(changes, fork, message):
    model = mixed_net()
    with pytest.raises(RoutingError) as error:
        routing.attach(model, OPTIONS | changes, fork=fork)
    assert message in str(error.value)
    assert not any(m._forward_hooks or "forward" in m.__dict__ for m in model.modules())


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.tensor([0, 2]), "labels lie between -1 and 1 (first, second)"),
        (torch.tensor([-2]), "labels lie between -1 and 1"),
        (torch.tensor([True]), "labels are integers"),
        (torch.tensor(1), "labels are integers [B]"),
        (torch.ones(3, 3), "not [B, 2] (first, second)"),
        (torch.ones(3), "not [B, 2]"),
        (torch.ones(3, 2), "adding up to at most 1"),
        (torch.tensor([[-0.1, 0.1]]), "at least 0"),
        (torch.tensor([[float("nan"), 0.1]]), "at least 0"),
    ],
)
def test_impossible_labels_are_refused(labels, message):
    router = routing.attach(mixed_net(), OPTIONS)
    with pytest.raises(RoutingError) as error:
        router.use(labels)
    assert message in str(error.value)
