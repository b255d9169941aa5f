"""Routes under what training does to a model: compiling, autocast, recomputing, two processes."""

import os
import socket

import pytest
import torch
import torch.multiprocessing as mp
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import CheckpointError, checkpoint

from chisel import routing
from tests.routing.gradient.reference import images, mixed_net

OPTIONS = {
    "regions": {
        "a": [
            {"module": "conv1", "units": "0:3"},
            {"module": "res", "units": "1:3", "consumers": ["conv2"]},
            {"module": "relu4", "units": "0:4", "consumers": ["head"]},
            {"module": "conv3", "at": "parameters", "units": "0:2", "consumers": ["fc"]},
        ],
        "b": [
            {"module": "conv1", "units": "3:5"},
            {"module": "relu4", "units": "4:8", "consumers": ["head"]},
            {"module": "conv2", "at": "parameters"},
        ],
    },
    "rules": {"first": {"b": -0.75}, "second": {"a": 0, "b": 0.3}},
}
LABELS = torch.tensor([0, 1, -1, 1, 0, 0, -1, 1])


def gradients(model, forward, inputs, router, labels):
    model.zero_grad()
    with router.labels(labels):
        forward(inputs).square().mean().backward()
    return [p.grad.clone() for p in model.parameters()]


def test_one_compiled_graph_serves_all_labels():
    model = mixed_net(dtype=torch.float32)
    router = routing.attach(model, OPTIONS)
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(model, fullgraph=True, backend=counter)
    generator = torch.Generator().manual_seed(0)
    for turn in range(4):
        router.strength = 1 - 0.1 * turn
        inputs = images(8, dtype=torch.float32, seed=turn)
        labels = torch.randint(-1, 2, (8,), generator=generator)
        found = gradients(model, compiled, inputs, router, labels)
        expected = gradients(model, model, inputs, router, labels)
        torch.testing.assert_close(found, expected)
        assert counter.frame_count == 1
    torch.testing.assert_close(compiled(inputs), model(inputs))


def test_compiled_heads_follow_their_terms():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2))
    region = {"module": "1", "units": "0:3", "consumers": ["2"]}
    options = {
        "regions": {"a": [region]},
        "rules": {"off": {"a": 0}},
        "terms": {"value": {"off": {"a": 2}}},
    }
    router = routing.attach(model, options, fork="1")

    def loss(inputs):
        features = model[:2](inputs)
        first = model[2](router.fork(features, "policy"))
        return first + model[2](router.fork(features, "value")).square()

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    arguments = torch.randn(4, 3), router, torch.tensor([0, 0, -1, 0])
    found = gradients(model, compiled, *arguments)
    torch.testing.assert_close(found, gradients(model, loss, *arguments))


def test_autocast_changes_no_output_and_routes_alike():
    model, inputs = mixed_net(dtype=torch.float32), images(8, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        plain = model(inputs)
    router = routing.attach(model, OPTIONS)
    exact = gradients(model, model, inputs, router, LABELS)

    def in_half(x):
        with torch.autocast("cpu", torch.bfloat16):
            output = model(x)
        assert torch.equal(output, plain)
        return output.float()

    for found, expected in zip(
        gradients(model, in_half, inputs, router, LABELS), exact, strict=True
    ):
        assert found.dtype == torch.float32
        # bf16 has 8 bits, and the errors of a few layers add up; a wrong route is off by far more.
        assert (found - expected).norm() <= 0.1 * expected.norm()
    gradients(model, in_half, inputs, router, torch.ones(8, dtype=torch.long))
    for name, masks in router.owned().items():
        if "a" in masks:
            assert (model.get_parameter(name).grad[masks["a"]] == 0.0).all()


def test_autocast_leaves_a_shared_weight_its_other_gradient():
    """A routed layer must not put a weight without gradient into autocast's cache."""
    layer = nn.Linear(4, 4)
    options = {"regions": {"a": [{"module": "0", "at": "parameters"}]}, "rules": {"off": {"a": 0}}}
    router = routing.attach(nn.Sequential(layer), options)
    x = torch.randn(3, 4)
    with torch.autocast("cpu", torch.bfloat16), router.labels(torch.tensor([0, 0, 0])):
        layer(x)
        nn.functional.linear(x, layer.weight).sum().backward()
    assert layer.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("reentrant", [False, True])
def test_recomputed_activations_see_the_same_labels(reentrant):
    model, inputs = mixed_net(), images(8)
    router = routing.attach(model, OPTIONS)
    expected = gradients(model, model, inputs, router, LABELS)

    def recomputing(x):
        return model[4:](checkpoint(model[:4], x, use_reentrant=reentrant))

    inputs.requires_grad_()
    found = gradients(model, recomputing, inputs, router, LABELS)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_recomputing_after_the_labels_are_gone_is_an_error():
    model, inputs = mixed_net(), images(8)
    router = routing.attach(model, OPTIONS)
    with router.labels(LABELS):
        loss = checkpoint(model, inputs, use_reentrant=False).sum()
    with pytest.raises(CheckpointError):
        loss.backward()


def test_without_recomputing_labels_may_go_before_the_backward_pass():
    model, inputs = mixed_net(), images(8)
    router = routing.attach(model, OPTIONS)
    expected = gradients(model, model, inputs, router, LABELS)
    model.zero_grad()
    with router.labels(LABELS):
        loss = model(inputs).square().mean()
    with router.labels(LABELS.flip(0)):
        model(inputs)
    loss.backward()
    found = [p.grad for p in model.parameters()]
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def each_rank(rank, port, folder):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    torch.save(gradients_of_half(rank), folder / f"{rank}.pt")
    torch.distributed.barrier()  # a process that tears down while its peer still talks may hang it
    torch.distributed.destroy_process_group()


def gradients_of_half(rank):
    """What one process finds; the wrapper is gone before the process group is."""
    model, inputs = mixed_net(), images(8)
    router = routing.attach(model, OPTIONS)
    parallel = DistributedDataParallel(model)
    mine = slice(4 * rank, 4 * rank + 4)
    results = []
    for labels in (LABELS, torch.tensor([0, 0, 0, 0, 1, 1, 1, -1])):  # routes empty on one rank
        results.append(gradients(model, parallel, inputs[mine], router, labels[mine]))
    return results


def test_two_processes_together_have_the_gradient_of_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(each_rank, args=(port, tmp_path), nprocs=2)
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    model, inputs = mixed_net(), images(8)
    router = routing.attach(model, OPTIONS)
    for turn, labels in enumerate((LABELS, torch.tensor([0, 0, 0, 0, 1, 1, 1, -1]))):
        expected = gradients(model, model, inputs, router, labels)
        for rank in range(2):
            torch.testing.assert_close(found[rank][turn], expected)
