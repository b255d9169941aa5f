"""What one thread, or an inner context, does to a model never reaches another one unnoticed."""

import copy
import threading

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter
from torch.utils.checkpoint import checkpoint

from chisel import routing
from chisel.routing import (
    RegionDropout,
    RoutingError,
    ablate,
    record_means,
    resolve,
    without_routes,
)
from tests.threads import in_thread

X = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
PARTS = {"a": [{"module": "1", "units": "0:3"}], "b": [{"module": "1", "units": "3:5"}]}
OPTIONS = {"regions": PARTS, "rules": {"x": {"a": 0}, "y": {"b": 0}}}
LABELS = {"x": torch.zeros(4, dtype=torch.long), "y": torch.ones(4, dtype=torch.long)}


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2))


def gradient(model):
    model.zero_grad()
    model(X).square().sum().backward()
    return model[0].weight.grad.clone()


def test_a_second_thread_is_refused_while_the_model_is_ablated_and_free_afterwards():
    model = net()
    regions, plain = resolve(model, PARTS), model(X)

    def other():
        with ablate(model, regions, {"b": "zero"}):
            model(X)

    with ablate(model, regions, {"a": "zero"}):
        own = model(X)
        errors = [in_thread(lambda: model(X)), in_thread(other)]
        assert torch.equal(model(X), own)
    for error in errors:
        assert isinstance(error, RoutingError)
        assert "the output of 1 is edited by another thread: give each thread a copy" in str(error)
    assert not torch.equal(own, plain)
    assert in_thread(other) is None
    assert torch.equal(model(X), plain)


def test_inner_ablations_add_to_outer_ones_and_end_alone():
    model = net()
    regions = resolve(model, PARTS)
    with ablate(model, regions, {"a": "zero", "b": 0.5}):
        together = model(X)
    with ablate(model, regions, {"a": "zero"}):
        outer = model(X)
        with ablate(model, regions, {"b": 0.5}):
            assert torch.equal(model(X), together)
        assert torch.equal(model(X), outer)


def test_ablations_that_end_in_any_order_leave_compiled_networks_compiled():
    contexts = [ablate(model, resolve(model, PARTS), {"a": "zero"}) for model in (net(), net())]
    counter, other = CompileCounter(), net()
    compiled = torch.compile(other, backend=counter)
    for one in contexts:
        one.__enter__()
    contexts[0].__exit__(None, None, None)
    compiled(X)
    assert counter.frame_count == 0
    contexts[1].__exit__(None, None, None)
    assert torch.equal(compiled(X), other(X))
    assert counter.frame_count == 1


def test_copies_made_within_an_ablation_are_plain_afterwards_and_without_routes_at_once():
    model, copies = net(), []
    regions, plain = resolve(model, PARTS), model(X)
    with ablate(model, regions, {"a": "zero"}):
        in_thread(lambda: copies.append(copy.deepcopy(model)))
        in_thread(lambda: copies.append(without_routes(model)))
        assert torch.equal(copies[1](X), plain)
    assert torch.equal(copies[0](X), plain)


def test_means_are_those_of_the_thread_that_records_them():
    model = net()
    regions = resolve(model, PARTS)

    def run():
        model(X)
        assert in_thread(lambda: model(100 * X)) is None

    alone = record_means(model, regions, lambda: model(X))
    found = record_means(model, regions, run)
    assert torch.equal(found["a"][0], alone["a"][0])


def test_dropped_regions_are_dropped_for_one_thread_alone():
    model, every = net(), torch.ones(4, dtype=torch.bool)
    drop = RegionDropout(model, resolve(model, PARTS))
    plain = model(X)
    drop.use({"a": every})
    own = model(X)
    errors = [in_thread(lambda: model(X)), in_thread(lambda: drop.use({"b": every}))]
    assert all("another thread drops regions of this model" in str(error) for error in errors)
    assert torch.equal(model(X), own)
    drop.clear()
    assert in_thread(lambda: [drop.use({"a": every}), model(X)]) is None
    drop.use({})  # the thread that left its regions has ended
    assert torch.equal(model(X), plain)


def test_labels_are_those_of_the_thread_that_uses_them():
    model = net()
    router = routing.attach(model, OPTIONS, example=X)
    results = []
    with router.labels(LABELS["x"]):
        own = gradient(model)
        errors = [
            in_thread(lambda: router.use(LABELS["y"])),
            in_thread(lambda: gradient(model)),
        ]
        with torch.no_grad():
            plain = model(X)

        def without_gradients():
            with torch.no_grad():
                results.append(model(X))

        assert in_thread(without_gradients) is None
        assert torch.equal(gradient(model), own)
    assert all("those of another thread" in str(error) for error in errors)
    assert torch.equal(results[0], plain)
    assert in_thread(lambda: router.use(LABELS["y"])) is None
    with router.labels(LABELS["x"]):  # the thread that left its labels has ended
        assert torch.equal(gradient(model), own)


def test_behind_inner_labels_those_of_the_outer_context_are_in_use_again():
    model = net()
    router = routing.attach(model, OPTIONS, example=X)
    unrouted = gradient(model)
    with router.labels(LABELS["x"]):
        outer = gradient(model)
        with router.labels(LABELS["y"]):
            assert not torch.equal(gradient(model), outer)
        assert torch.equal(gradient(model), outer)
        with pytest.raises(ZeroDivisionError), router.labels(LABELS["y"]):
            raise ZeroDivisionError
        assert torch.equal(gradient(model), outer)
    assert torch.equal(gradient(model), unrouted)


def test_recomputation_in_the_backward_pass_is_ablated_and_routed_like_the_forward_pass():
    class Checkpointed(nn.Sequential):
        def forward(self, x):
            return checkpoint(super().forward, x, use_reentrant=False)

    model, regions = net(), resolve(net(), PARTS)
    again = Checkpointed(*net())
    found = []
    for one in (model, again):
        router = routing.attach(one, OPTIONS | {"freeze": False})
        with ablate(one, regions, {"b": 0.5}), router.labels(LABELS["x"]):
            found.append(gradient(one))
    assert torch.equal(*found)


def test_threads_with_copies_of_their_own_get_what_they_get_alone():
    """Each trains and ablates another region, a hundred times at once."""

    def work(name, model):
        region = {"x": "a", "y": "b"}[name]
        router = routing.attach(model, OPTIONS, example=X)
        found = []
        for _ in range(50):
            with (
                router.labels(LABELS[name]),
                ablate(model, router.regions, {region: 0.5}),
            ):
                found.append(gradient(model))
        return found

    alone = {name: work(name, net()) for name in LABELS}
    # Made before the threads begin: initial weights come from torch's one global generator.
    nets = {name: net() for name in LABELS}
    together = {}
    threads = [
        threading.Thread(target=lambda name=name: together.update({name: work(name, nets[name])}))
        for name in LABELS
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, gradients in alone.items():
        pairs = zip(gradients, together[name], strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)
