"""A router adds nothing to a state dict, is restored from plain values, and isn't in a copy."""

import copy
import io

import pytest
import torch

from chisel import routing
from chisel.routing import RoutingError
from tests.routing.gradient.reference import images, mixed_net
from tests.routing.gradient.routed import LABELS, OPTIONS, equal, gradients


def test_state_dicts_are_saved_and_loaded_as_without_a_router():
    model, inputs = mixed_net(), images()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    router = routing.attach(model, OPTIONS)
    assert list(model.state_dict()) == list(before)
    other = mixed_net(seed=5)
    other.load_state_dict(model.state_dict())
    again = routing.attach(other, router.to_plain())
    model.load_state_dict(before)
    equal(gradients(model, inputs, router, LABELS), gradients(other, inputs, again, LABELS))


def test_plain_values_restore_a_router():
    options = OPTIONS | {
        "unlabelled": {"a": 0.5},
        "terms": {"value": {"first": {"b": 1}}},
    }
    model = mixed_net()
    router = routing.attach(model, options, fork="relu4")
    plain = router.to_plain()
    router.detach()
    again = routing.attach(model, plain, fork="relu4")
    assert again.to_plain() == plain
    assert again.label_names == ("first", "second")
    assert dict(again.regions) == dict(router.regions)


def test_detaching_removes_all_hooks_and_forwards():
    model = mixed_net()
    before = {name: set(module.__dict__) for name, module in model.named_modules()}
    router = routing.attach(model, OPTIONS)
    router.use(LABELS)
    router.detach()
    assert {name: set(module.__dict__) for name, module in model.named_modules()} == before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    model(images(3)).sum().backward()


def copied(model):
    return copy.deepcopy(model)


def saved_and_loaded(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("duplicate", [copied, saved_and_loaded, lambda m: copied(copied(m))])
def test_a_copy_has_no_routes_runs_on_its_own_weights_and_can_be_routed(duplicate):
    model, inputs = mixed_net(), images()
    router = routing.attach(model, OPTIONS)
    twin = duplicate(model)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(1.5)
    expected = mixed_net()
    expected.load_state_dict(twin.state_dict())
    equal(gradients(twin, inputs), gradients(expected, inputs))
    other = OPTIONS | {"rules": {"first": {"a": 0}, "second": {"b": 0.5}}}
    mine, fresh = routing.attach(twin, other), routing.attach(expected, other)
    equal(gradients(twin, inputs, mine, LABELS), gradients(expected, inputs, fresh, LABELS))
    first = mixed_net()
    again = routing.attach(first, OPTIONS)
    equal(gradients(model, inputs, router, LABELS), gradients(first, inputs, again, LABELS))


def test_a_copy_refuses_to_run_while_labels_of_the_original_are_in_use():
    model, inputs = mixed_net(), images()
    router = routing.attach(model, OPTIONS)
    twin = copy.deepcopy(model)
    with router.labels(LABELS):
        with torch.no_grad():
            twin(inputs)
        with pytest.raises(RoutingError, match="copy of a routed model, without routes: attach"):
            twin(inputs)
