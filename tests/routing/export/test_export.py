"""Pruned and erased networks compute what the ablated one does."""

import copy

import pytest
import torch
from torch import nn

from chisel import routing
from chisel.configs import ExpertsConfig, ImpalaConfig
from chisel.models import Spaces, build
from chisel.routing import RoutingError, ablate, erase, prune_units, resolve

SPACES = Spaces((9, 9, 3), "uint8", 255.0, 4)


def images(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (6, 3, 9, 9), generator=generator, dtype=torch.uint8)


def impala():
    model = build(ImpalaConfig(channels=(4, 8), hidden=12), SPACES)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():  # biases, too, must not be 0
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model


def flat(result):
    return torch.cat([tensor.flatten() for tensor in result])


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def assert_equals_ablated(smaller, model, regions, names, batch):
    with ablate(model, regions, dict.fromkeys(names, "zero")):
        expected = flat(model(batch))
    torch.testing.assert_close(flat(smaller(batch)), expected, rtol=1e-6, atol=1e-6)
    assert not torch.allclose(flat(model(batch)), expected, atol=1e-3)


BLOCK = [
    {"module": f"embedder.block2.{name}", "units": "4:8"}
    for name in ("conv", "maxpool", "res1.resadd", "res2.resadd")
]


@pytest.mark.parametrize(
    ("parts", "cut"),
    [
        ([{"module": "embedder.relufc", "units": "3:9"}], {"fc": 6}),
        ([{"module": "embedder.fc", "at": "parameters", "units": "0,5"}], {"fc": 10}),
        ([{"module": "fc_policy", "at": "input", "units": "3"}], None),
        ([{"module": "embedder.block2.res1.relu2", "units": "0:3"}], {"block2.res1.conv1": 5}),
        (BLOCK, {"block2.conv": 4, "block2.res1.conv2": 4, "block2.res2.conv2": 4}),
        (
            [*BLOCK, {"module": "embedder.relufc", "units": "0:2"}],
            {"block2.conv": 4, "fc": 10},
        ),
    ],
    ids=["features", "parameters", "input", "branch", "residual stream", "several"],
)
def test_a_pruned_network_computes_what_the_ablated_one_does_with_fewer_parameters(parts, cut):
    model = impala()
    router = routing.attach(
        model,
        {"regions": {"r": parts}, "rules": {"other": {"r": 0}}, "freeze": False},
    )
    if cut is None:  # the value's head still reads it
        with pytest.raises(RoutingError, match="fc_value reads unit 3 where it is not ablated"):
            prune_units(model, router.regions, ["r"], images())
        return
    smaller = prune_units(model, router.regions, ["r"], images())
    assert_equals_ablated(smaller, model, router.regions, ["r"], images(7))
    assert count(smaller) < count(model)
    assert list(smaller.state_dict()) == list(model.state_dict())
    for name, rows in cut.items():
        layer = smaller.embedder.get_submodule(name)
        assert len(layer.weight) == len(layer.bias) == rows
        assert (layer.out_features if name == "fc" else layer.out_channels) == rows


def test_a_pruned_network_trains_and_has_no_hooks_left():
    model = impala()
    router = routing.attach(
        model,
        {
            "regions": {"r": [{"module": "embedder.relufc", "units": "0:6"}]},
            "rules": {"other": {"r": 0}},
        },
    )
    router.use(torch.zeros(6, dtype=torch.int64))
    routing.RegionDropout(model, router.regions)
    smaller = prune_units(model, router.regions, ["r"], images())
    assert type(smaller) is type(model)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in smaller.modules())
    assert not any("forward" in m.__dict__ for m in smaller.modules())
    flat(smaller(images())).sum().backward()
    assert all(parameter.grad is not None for parameter in smaller.parameters())
    assert count(model) == count(impala())


def test_all_features_of_a_pruned_channel_go_behind_a_flatten():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(4 * 9, 5), nn.GELU(), nn.Linear(5, 3),
    )  # fmt: skip
    model[1].running_mean.uniform_(-1, 1)
    model.eval()
    x = torch.randn(3, 2, 8, 8)
    regions = resolve(model, {"r": [{"module": "3", "units": "1,2"}]})
    smaller = prune_units(model, regions, ["r"], x)
    assert smaller[5].weight.shape == (5, 18)
    assert smaller[1].num_features == 2
    torch.testing.assert_close(smaller[5].weight[:, 9:], model[5].weight[:, 27:])
    with ablate(model, regions, {"r": "zero"}):
        torch.testing.assert_close(smaller(x), model(x), rtol=1e-6, atol=1e-6)


def test_tied_weights_stay_tied():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
            self.out = nn.Linear(6, 2)
            self.second.weight = self.first.weight

        def forward(self, x):
            return self.out(torch.relu(self.first(torch.relu(self.second(x)))))

    torch.manual_seed(0)
    model, x = Tied(), torch.randn(4, 6)
    regions = resolve(model, {"r": [{"module": "first", "units": "0:2"}]})
    with pytest.raises(RoutingError, match="cannot be pruned"):
        prune_units(model, regions, ["r"], x)  # the same rows of `second` are alive
    both = resolve(model, {"r": [{"module": name, "units": "0:2"} for name in ("first", "second")]})
    with pytest.raises(RoutingError, match="without r the model does not run"):
        prune_units(model, both, ["r"], x)  # its columns read the model's input


def experts(names=("cheese", "corner", "wall")):
    config = ExpertsConfig(experts=names, channels=(4, 4), hidden=6, gate_channels=(4,))
    model = build(config, SPACES)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model


@pytest.mark.parametrize("names", [("cheese", "corner", "wall"), ("cheese", "corner")])
def test_a_whole_expert_is_pruned_with_its_unit_of_the_gate(names):
    model = experts(names)
    regions = resolve(
        model,
        {
            "corner": [
                {"module": "embedder.experts.corner"},
                {"module": "embedder.gate", "units": "1"},
            ]
        },
    )
    smaller = prune_units(model, regions, ["corner"], images())
    assert_equals_ablated(smaller, model, regions, ["corner"], images(7))
    assert list(smaller.embedder.experts) == [name for name in names if name != "corner"]
    expert = count(model.embedder.experts["corner"])
    assert count(model) - count(smaller) == expert + 32 + 1


def test_an_expert_without_its_unit_of_the_gate_cannot_be_pruned():
    model = experts()
    regions = resolve(model, {"corner": [{"module": "embedder.experts.corner"}]})
    with pytest.raises(RoutingError, match="without corner the model does not run"):
        prune_units(model, regions, ["corner"], images())


class Odd(nn.Module):
    """A network whose units are used in ways that cannot be followed."""

    def __init__(self, how):
        super().__init__()
        self.how, self.a, self.b = how, nn.Linear(4, 6), nn.Linear(6, 6)

    def forward(self, x):
        h = torch.relu(self.a(x))
        if self.how == "softmax":
            h = torch.softmax(h, -1)
        if self.how == "view":
            h = h.view(len(x), 2, 3).reshape(len(x), 6)
        return h if self.how == "output" else self.b(h)


@pytest.mark.parametrize(
    ("how", "units", "message"),
    [
        ("softmax", "0:2", "units of r cannot be pruned: softmax in the model reads them"),
        ("view", "0:2", "view in the model reads them"),
        ("output", "0:2", "it is the model's output"),
        ("plain", "0:6", "nothing would be left of a"),
    ],
)
def test_the_error_says_why_a_unit_cannot_be_pruned(how, units, message):
    torch.manual_seed(0)
    model, x = Odd(how), torch.randn(5, 4)
    regions = resolve(model, {"r": [{"module": "a", "units": units}]})
    with pytest.raises(RoutingError, match=message):
        prune_units(model, regions, ["r"], x)


def test_unknown_regions_and_a_name_instead_of_a_list_are_refused():
    model = impala()
    regions = resolve(model, {"r": [{"module": "embedder.relufc", "units": "0:2"}]})
    for take_out in (prune_units, erase):
        with pytest.raises(RoutingError, match="no region 's'; known: r"):
            take_out(model, regions, ["s"], images())
        with pytest.raises(RoutingError, match=r"as a list: \['r'\]"):
            take_out(model, regions, "r", images())


@pytest.mark.parametrize("example", [None, images(3)], ids=["certain", "verified"])
def test_erasing_has_the_outputs_of_ablating_and_changes_the_regions_weights_only(example):
    model = impala()
    regions = resolve(
        model,
        {
            "r": [
                {"module": "embedder.relufc", "units": "0:4", "consumers": ["fc_policy"]},
                {"module": "embedder.block1.res1.conv1", "at": "parameters", "units": "1"},
            ]
        },
    )
    with ablate(model, regions, {"r": "zero"}):
        expected = flat(model(images()))
    before = copy.deepcopy(model)
    erase(model, regions, ["r"], example)
    torch.testing.assert_close(flat(model(images())), expected, rtol=1e-6, atol=1e-6)
    assert model.embedder.fc.weight[:4].abs().max() == 0
    assert model.embedder.fc.bias[:4].abs().max() == 0
    assert model.fc_policy.weight[:, :4].abs().max() == 0
    assert torch.equal(model.embedder.fc.weight[4:], before.embedder.fc.weight[4:])
    assert torch.equal(model.fc_policy.weight[:, 4:], before.fc_policy.weight[:, 4:])
    assert torch.equal(model.fc_value.weight, before.fc_value.weight)


def test_erasing_is_refused_and_undone_where_zero_weights_do_not_ablate():
    model = experts()
    regions = resolve(
        model,
        {
            "corner": [
                {"module": "embedder.experts.corner"},
                {"module": "embedder.gate", "units": "1"},
            ]
        },
    )
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(RoutingError, match="give erase an example input"):
        erase(model, regions, ["corner"])
    with pytest.raises(RoutingError, match="with zero weights the model's outputs are not"):
        erase(model, regions, ["corner"], images())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_erasing_behind_a_sigmoid_needs_the_consumers_columns():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(4, 6), nn.Sigmoid(), nn.Linear(6, 2)), torch.randn(5, 4)
    bare = resolve(model, {"r": [{"module": "1", "units": "0:2"}]})
    with pytest.raises(RoutingError, match="the output of 1: give erase an example"):
        erase(model, bare, ["r"])
    with pytest.raises(RoutingError, match="outputs are not those"):
        erase(model, bare, ["r"], x)
    closed = resolve(model, {"r": [{"module": "1", "units": "0:2", "consumers": ["2"]}]})
    with ablate(model, closed, {"r": "zero"}):
        expected = model(x)
    erase(model, closed, ["r"], x)
    torch.testing.assert_close(model(x), expected)
