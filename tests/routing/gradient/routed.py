"""A routed network with two regions, its gradients, and comparisons of gradients."""

import torch

REGIONS = {
    "a": [
        {"module": "relu1", "units": "0:3", "consumers": ["res.conv"]},
        {"module": "relu4", "units": "0:4", "consumers": ["head"]},
        {"module": "conv3", "at": "parameters", "units": "0:2", "consumers": ["fc"]},
    ],
    "b": [
        {"module": "relu1", "units": "3:6"},
        {"module": "relu4", "units": "4:8", "consumers": ["head"]},
        {"module": "conv2", "at": "parameters"},
    ],
}


OPTIONS = {"regions": REGIONS, "rules": {"first": {"b": 0}, "second": {"a": 0, "b": 1}}}


LABELS = torch.tensor([0, 1, -1, 1, 0, 0, -1])


def gradients(model, inputs, router=None, labels=None, scale=1.0):
    model.zero_grad()
    if router is None:
        (model(inputs).square().sum() * scale).backward()
    else:
        with router.labels(labels):
            (model(inputs).square().sum() * scale).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def same(first, second, **tolerance):
    assert set(first) == set(second)
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], msg=name, **tolerance)


def equal(first, second):
    same(first, second, rtol=0, atol=0)
