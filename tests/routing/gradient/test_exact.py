"""Batched routed gradients are the sum of every example's own, for any mixture of labels."""

import pytest
import torch
from torch import nn

from chisel import models, routing
from tests.routing.gradient.reference import images, mixed_net, reference_gradients

LABELS = torch.tensor([0, 1, -1, 1, 0, 2, -1])
SOFT = torch.tensor(
    [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5], [0.1, 0, 0.6], [0, 0.25, 0]],
    dtype=torch.float64,
)
RULES = {
    "rules": {"cheese": {"a": 1, "b": 0}, "corner": {"a": -0.75, "b": 1}, "other": {"b": 0.3}},
    "unlabelled": {"a": 0.5},
}


def squares(output, number):
    """A loss that differs between examples, given their number."""
    return (output * (1 + number) - 0.3).square().sum()


def routed_gradients(model, options, labels, inputs, loss):
    router = routing.attach(model, options, example=inputs[:1])
    model.zero_grad()
    with router.labels(labels):
        outputs = model(inputs)
        sum(loss(output, torch.tensor(n)) for n, output in enumerate(outputs)).backward()
    router.detach()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def agree(model, regions, labels, inputs, loss=squares):
    options = {"regions": regions, **RULES}
    expected = reference_gradients(model, options, labels, inputs, loss)
    found = routed_gradients(model, options, labels, inputs, loss)
    assert set(found) == set(expected)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-9, atol=1e-9, msg=name)


def part(module, size, units, **more):
    return {"module": module, "size": size, "units": list(units), **more}


PLACES = {
    "conv output": ("conv1", 6, {}),
    "activation output": ("relu1", 6, {}),
    "sum": ("res", 6, {}),
    "input": ("conv2", 6, {"at": "input"}),
    "flat input": ("fc", 36, {"at": "input"}),
    "linear output": ("fc", 10, {}),
    "conv rows": ("conv1", 6, {"at": "parameters"}),
    "grouped rows": ("res.conv", 6, {"at": "parameters"}),
    "dilated rows without bias": ("conv2", 8, {"at": "parameters"}),
    "circular rows": ("conv3", 4, {"at": "parameters"}),
    "linear rows": ("fc", 10, {"at": "parameters"}),
    "output and grouped columns": ("relu1", 6, {"consumers": ["res.conv"]}),
    "rows and columns": ("conv1", 6, {"at": "parameters", "consumers": ["res.conv", "conv2"]}),
    "circular columns": ("tanh", 8, {"consumers": ["conv3"]}),
    "columns behind a flatten": ("conv3", 4, {"at": "parameters", "consumers": ["fc"]}),
    "columns of a head": ("relu4", 10, {"consumers": ["head"]}),
}


@pytest.mark.parametrize("labels", [LABELS, SOFT], ids=["hard", "soft"])
@pytest.mark.parametrize("place", PLACES)
def test_two_regions_and_shared_units_at_one_place(place, labels):
    module, size, more = PLACES[place]
    third = size // 3
    regions = {
        "a": [part(module, size, range(third), **more)],
        "b": [part(module, size, range(size - third, size), **more)],
    }
    agree(mixed_net(), regions, labels, images())


@pytest.mark.parametrize("seed", range(8))
def test_many_places_at_once(seed):
    generator = torch.Generator().manual_seed(seed)
    regions = {"a": [], "b": []}
    chosen = torch.randperm(len(PLACES), generator=generator)[:6].tolist()
    taken = set()
    for module, size, more in [list(PLACES.values())[number] for number in chosen]:
        columns = {(name, "columns") for name in more.get("consumers", ())}
        makes = {"relu1": "conv1", "tanh": "conv2", "relu4": "fc"}.get(module, module)
        rows = set() if more.get("at") == "input" else {(makes, "rows")}
        if (columns | rows) & taken:
            continue
        taken |= columns | rows
        units = torch.randperm(size, generator=generator).tolist()
        cut = sorted(torch.randint(1, size, (2,), generator=generator).tolist())
        regions["a"].append(part(module, size, sorted(units[: cut[0]]), **more))
        if cut[1] > cut[0]:
            regions["b"].append(part(module, size, sorted(units[cut[0] : cut[1]]), **more))
    regions = {name: parts for name, parts in regions.items() if parts}
    regions.setdefault("b", [part("head", 4, [0])])
    agree(mixed_net(seed), regions, LABELS, images(seed=seed))


def test_wide_layers_whose_units_come_in_long_runs():
    """Whose masks are kept as one factor per run: on the last axis, on channels and behind."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 64, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 96),
        nn.ReLU(),
        nn.Linear(96, 4),
    ).double()
    regions = {
        "a": [
            part("0", 64, range(16, 32), consumers=["3"]),
            part("4", 96, range(32), consumers=["5"]),
        ],
        "b": [
            part("0", 64, range(48, 64), at="parameters"),
            part("3", 96, range(64, 96), at="parameters"),
        ],
    }
    inputs = torch.randn(7, 2, 4, 4, dtype=torch.float64)
    agree(model, regions, LABELS, inputs)


def test_rows_and_columns_of_two_regions_cross():
    regions = {
        "a": [part("conv1", 6, range(3), at="parameters", consumers=["conv2"])],
        "b": [part("conv2", 8, range(4), at="parameters")],
    }
    agree(mixed_net(), regions, LABELS, images())


def test_tokens_share_the_label_of_their_sequence():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 9), nn.GELU(), nn.Linear(9, 6), nn.LayerNorm(6)).double()
    regions = {
        "a": [part("1", 9, range(4), axis=-1, consumers=["2"])],
        "b": [part("2", 6, range(3), at="parameters")],
    }
    agree(model, regions, LABELS, torch.randn(7, 11, 5, dtype=torch.float64))


def test_tokens_may_have_labels_of_their_own():
    """Which is the same as every token being an example."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 9), nn.GELU(), nn.Linear(9, 6)).double()
    regions = {
        "a": [part("1", 9, range(4), axis=-1, consumers=["2"])],
        "b": [part("2", 6, range(3), at="parameters")],
    }
    options = {"regions": regions, **RULES}
    tokens = torch.randn(4, 6, 5, dtype=torch.float64)
    labels = torch.randint(-1, 3, (4, 6), generator=torch.Generator().manual_seed(3))
    gradients = []
    for shape in ((4, 6), (24,)):
        router = routing.attach(model, options)
        model.zero_grad()
        with router.labels(labels.view(shape)):
            model(tokens.view(*shape, 5)).square().sum().backward()
        router.detach()
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1])


class OnlyLogits(nn.Module):
    """An actor-critic as a function with one output."""

    def __init__(self, model):
        super().__init__()
        self.net = model

    def forward(self, obs):
        logits, values = self.net(obs)
        return torch.cat([logits, values.unsqueeze(-1)], dim=-1)


def impala(**more):
    from chisel.configs.schema import ImpalaConfig

    spaces = models.Spaces((12, 12, 3), "uint8", 255.0, 5)
    config = ImpalaConfig(channels=[4, 6], hidden=12)
    return OnlyLogits(models.build(config, spaces).double())


def test_impala_with_regions_in_its_last_block_and_its_features():
    regions = {
        "a": [
            *(
                part(f"net.embedder.block2.{name}", 6, range(2))
                for name in ("conv", "res1.resadd", "res2.resadd")
            ),
            part("net.embedder.relufc", 12, range(4), consumers=["net.fc_policy", "net.fc_value"]),
        ],
        "b": [
            *(
                part(f"net.embedder.block2.{name}", 6, range(3, 6), at="parameters")
                for name in ("conv", "res1.conv1", "res1.conv2", "res2.conv1", "res2.conv2")
            ),
            part("net.embedder.block1.conv", 4, range(2), consumers=[]),
        ],
    }
    regions["b"][0]["consumers"] = ["net.embedder.block2.res1.conv1", "net.embedder.fc"]
    obs = torch.randint(0, 256, (7, 3, 12, 12), generator=torch.Generator().manual_seed(0)).double()
    agree(impala(), regions, LABELS, obs)
