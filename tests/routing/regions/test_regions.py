"""Regions are resolved on the model, or refused in one line."""

from collections import OrderedDict
from itertools import pairwise

import pytest
import torch
from torch import nn

from chisel.routing import RoutingError, resolve


def net():
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 8, 3),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(8, 16, 3),
            relu2=nn.ReLU(),
            flatten=nn.Flatten(),
            fc=nn.Linear(16 * 4, 10),
            tanh=nn.Tanh(),
            head=nn.Linear(10, 2),
        )
    )


def one(**part):
    return resolve(net(), {"a": [part]})["a"].parts


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("0:4", [0, 1, 2, 3]),
        ("1,3, 5", [1, 3, 5]),
        (7, [7]),
        ([2, 0], [0, 2]),
        ("-1", [9]),
        ("::3", [0, 3, 6, 9]),
        ("8:", [8, 9]),
        (":-8", [0, 1]),
        ("9:6:-1", [7, 8, 9]),
        ("50%:75%", [5, 6, 7]),
        ("0:2,20%:40%,9", [0, 1, 2, 3, 9]),
    ],
)
def test_units_are_indices_slices_and_percentages(words, expected):
    assert list(one(module="fc", units=words)[0].units) == expected


@pytest.mark.parametrize("size", range(8, 40))
def test_percentages_divide_any_layer_into_disjoint_parts(size):
    cuts = ["0%", "12.5%", "33%", "50%", "90%", "100%"]
    words = [f"{start}:{stop}" for start, stop in pairwise(cuts)]
    model = nn.Sequential(nn.Linear(2, size))
    regions = resolve(model, {word: [{"module": "0", "units": word}] for word in words})
    units = [unit for region in regions.values() for unit in region.parts[0].units]
    assert units == list(range(size))


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"module": "fc", "units": "0:11"}, "'0:11' is out of range; there are 10 units"),
        ({"module": "fc", "units": "10"}, "'10' is out of range; there are 10 units"),
        ({"module": "conv2", "units": "16"}, "there are 16 units"),
        ({"module": "relu2", "units": "16"}, "there are 16 units"),
        ({"module": "flatten", "units": "64"}, "there are 64 units"),
        ({"module": "conv2", "at": "input", "units": "8"}, "there are 8 units"),
        ({"module": "fc", "units": "a:b"}, "cannot read 'a:b'; write indices"),
        ({"module": "fc", "units": "50%"}, "cannot read '50%'"),
        ({"module": "fc", "units": "3:3"}, "chooses none"),
        ({"module": "fc", "units": 1.5}, "is not a set of units"),
        ({"module": "conw2"}, "no module 'conw2'; did you mean 'conv2'?"),
        ({"module": "c*x"}, "no module 'c*x'"),
        ({"module": "fc", "at": "weights"}, "known: output, input, parameters"),
        ({"module": "fc", "unit": "3"}, "did you mean 'units'?"),
        ({"module": "fc", "axis": 0}, "0 is the batch"),
        ({"module": "fc", "axis": "0"}, "0 is the batch"),
        ({"module": "fc", "axis": "last"}, "'last' is not an axis of units"),
        ({"module": "relu1", "at": "parameters"}, "has no parameters; route its output"),
        ({"module": "fc", "consumers": ["tanh"]}, "consumer tanh is a Tanh"),
        ({"module": "fc", "consumers": ["conv2"]}, "reads 8 units, which are not the 10 of fc"),
        ({"module": "conv2", "consumers": ["head"]}, "reads 10 units"),
        ({"units": "3"}, "needs a module"),
    ],
)
def test_what_cannot_be_resolved_is_refused_in_one_line_that_names_the_region(part, message):
    with pytest.raises(RoutingError) as error:
        one(**part)
    assert str(error.value).startswith("region a: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("axis", [1, -1])
def test_numbers_may_be_text_as_they_are_in_a_config(axis):
    as_text = one(module="fc", units=["1", "3"], axis=str(axis))
    assert as_text == one(module="fc", units=[1, 3], axis=axis)


def test_wildcards_match_several_modules_and_parameters_match_layers_only():
    assert [part.module for part in one(module="conv?")] == ["conv1", "conv2"]
    layers = one(module="*", at="parameters")
    assert [part.module for part in layers] == ["conv1", "conv2", "fc", "head"]
    assert all(part.whole for part in layers)


def test_a_container_has_all_its_layers():
    model = nn.ModuleDict({"net": net()})
    parts = resolve(model, {"a": [{"module": "net", "at": "parameters"}]})["a"].parts
    assert [part.module for part in parts] == ["net.conv1", "net.conv2", "net.fc", "net.head"]
    with pytest.raises(RoutingError, match="leave units out"):
        resolve(model, {"a": [{"module": "net", "at": "parameters", "units": "0:3"}]})


def test_parameters_that_cannot_be_routed_per_example_are_refused():
    model = nn.ModuleDict({"net": nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))})
    with pytest.raises(RoutingError, match=r"net.1 \(LayerNorm\) cannot be routed per example"):
        resolve(model, {"a": [{"module": "net", "at": "parameters"}]})


@pytest.mark.parametrize(
    "other",
    [
        {"module": "fc", "units": "3"},
        {"module": "fc", "units": "3", "at": "parameters"},
    ],
)
def test_two_regions_cannot_have_the_same_unit(other):
    parts = {"a": [{"module": "fc", "units": "0:4"}], "b": [other]}
    with pytest.raises(RoutingError, match="regions a and b both have unit 3 of the"):
        resolve(net(), parts)


def test_the_output_of_a_sequential_is_that_of_its_last_child():
    model = nn.ModuleDict({"net": net()})
    parts = {"a": [{"module": "net", "units": "0"}], "b": [{"module": "net.head", "units": "0:2"}]}
    with pytest.raises(RoutingError, match=r"both have unit 0 of the output of net\.head"):
        resolve(model, parts)


def test_columns_of_one_consumer_cannot_be_claimed_twice():
    model = nn.ModuleList([nn.Linear(3, 4), nn.Linear(3, 4), nn.Linear(4, 2)])
    parts = {name: [{"module": name, "units": "0:2", "consumers": ["2"]}] for name in "01"}
    with pytest.raises(RoutingError, match="0 and 1 both have unit 0 of the columns of 2"):
        resolve(model, parts)


def test_rows_behind_an_activation_cannot_be_another_regions():
    parts = {"a": [{"module": "tanh", "units": "0:2"}], "b": [{"module": "fc", "units": "1"}]}
    with pytest.raises(RoutingError, match="a and b both have unit 1 of the rows of fc"):
        resolve(net(), parts)
    parts["a"].append(parts.pop("b")[0])
    assert len(resolve(net(), parts)["a"].parts) == 2


def test_rows_inside_another_regions_module_cannot_be_claimed():
    model = nn.ModuleDict({"net": net()})
    parts = {"a": [{"module": "net"}], "b": [{"module": "net.conv1", "at": "parameters"}]}
    with pytest.raises(RoutingError, match=r"a and b both have unit 0 of the rows of net\.conv1"):
        resolve(model, parts)


def test_a_consumer_behind_a_flatten_reads_a_run_of_features_per_channel():
    (part,) = one(module="conv2", units="1,3", consumers=["fc"])
    model = net()
    image = torch.randn(1, 3, 6, 6, requires_grad=True)
    features = model.relu2(model.conv2(model.relu1(model.conv1(image)))).detach()
    chosen = torch.zeros_like(features)
    chosen[:, list(part.units)] = 1
    assert torch.equal(part.columns(model, "fc"), chosen.flatten(1)[0] == 1)


def test_a_consumer_behind_flattened_tokens_reads_every_size_th_feature():
    model = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Flatten(), nn.Linear(20, 2))
    for place in ({"module": "1", "axis": -1}, {"module": "0", "at": "parameters"}):
        declared = {"a": [place | {"units": "1,3", "consumers": ["3"]}]}
        (part,) = resolve(model, declared)["a"].parts
        chosen = torch.zeros(1, 5, 4)
        chosen[..., list(part.units)] = 1
        assert torch.equal(part.columns(model, "3"), chosen.flatten(1)[0] == 1)


def test_resolved_regions_are_restored_from_plain_values():
    model = net()
    regions = resolve(
        model,
        {
            "a": [
                {"module": "conv?", "units": "0%:50%"},
                {"module": "fc", "at": "parameters", "units": "5:"},
            ],
            "b": [{"module": "tanh", "units": "0:5", "consumers": ["head"]}],
        },
    )
    again = resolve(model, regions.to_plain())
    assert dict(again) == dict(regions)
    assert list(again) == ["a", "b"]


def test_regions_of_a_wider_network_are_refused():
    plain = resolve(net(), {"a": [{"module": "fc", "units": "0:4"}]}).to_plain()
    narrow = nn.ModuleDict({"fc": nn.Linear(64, 6)})
    with pytest.raises(
        RoutingError, match="fc has 6 units, not 10 as the network that it was resolved on"
    ):
        resolve(narrow, plain)


class Twice(nn.Module):
    """Whose output is wider than any of its layers."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 4)

    def forward(self, x):
        return torch.cat([self.fc(x), self.fc(x)], dim=1)


def test_an_example_gives_sizes_that_no_layer_has():
    model = nn.Sequential(Twice(), nn.BatchNorm1d(8))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    parts = {"a": [{"module": "0", "units": "50%:100%"}]}
    regions = resolve(model, parts, example=torch.randn(5, 3))
    assert regions["a"].parts[0].units == (4, 5, 6, 7)
    assert model.training
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_an_unknown_region_has_a_near_match():
    regions = resolve(net(), {"cheese": [{"module": "fc"}]})
    with pytest.raises(RoutingError, match=r"no region 'chese'; did you mean 'cheese'\?"):
        regions["chese"]
