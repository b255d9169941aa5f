"""A site means one tensor, one axis of units and some positions, or is refused."""

from collections import namedtuple

import pytest
import torch
from torch import nn

from chisel import routing
from chisel.routing import RoutingError, Site
from chisel.routing.sites import edit_at
from tests.routing.small_nets import TupleGPT

X = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
Named = namedtuple("Named", ["hidden", "cache"])


class Returns(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args, **kwargs):
        return self.function(*args, **kwargs)


def passed(site, function, *args, edit=None, **kwargs):
    """What passes a site, and what the module returns with an edit there."""
    model, seen = nn.ModuleDict({"m": Returns(function)}), []

    def look(values):
        seen.append(values)
        return None if edit is None else edit(values)

    edit_at(model, site, look)
    returned = model["m"](*args, **kwargs)
    return seen[0], returned


@pytest.mark.parametrize(
    ("element", "function"),
    [
        (None, lambda x: x),
        (None, lambda x: (x, None)),
        (None, lambda x: [torch.arange(3), x]),
        (0, lambda x: (x, 2 * x)),
        (1, lambda x: (2 * x, x)),
        (0, lambda x: (x, (x, x))),
        (0, lambda x: Named(x, object())),
    ],
)
def test_a_site_is_the_one_tensor_of_floats_or_the_element_named(element, function):
    found, returned = passed(Site("m", element=element), function, X, edit=lambda v: v + 1)
    assert torch.equal(found, X)
    expected = function(X)
    assert type(returned) is type(expected)
    place = None if isinstance(expected, torch.Tensor) else [*map(id, expected)].index(id(X))
    assert torch.equal(returned if place is None else returned[place], X + 1)
    others = [] if place is None else [n for n in range(len(expected)) if n != place]
    assert all(type(returned[n]) is type(expected[n]) for n in others)


@pytest.mark.parametrize(
    ("element", "function", "complaint"),
    [
        (None, lambda x: (x, x), r"is a tuple \(Tensor, Tensor\), not one tensor .* give element"),
        (None, lambda x: (x, object()), "give element, or choose a module inside"),
        (None, lambda x: ((x,),), "not one tensor"),
        (None, lambda x: {"h": x}, "a dict, not one tensor of floats: choose a module inside"),
        (None, lambda x: None, "a NoneType, not one tensor"),
        (None, lambda x: x.long(), "a tensor of torch.int64, not of floats"),
        (0, lambda x: x, "the output of m is one tensor: leave element out"),
        (2, lambda x: (x, x), r"it is a tuple \(Tensor, Tensor\), which has no such element"),
        (1, lambda x: (x, None), "element 1 of the output of m is a NoneType, not a tensor"),
        (1, lambda x: (x, x.long()), "is a tensor of torch.int64, not a tensor of floats"),
        (0, lambda x: {"h": x}, "a dict, which has no such element"),
    ],
)
def test_what_is_no_tensor_of_floats_is_refused_in_one_line(element, function, complaint):
    with pytest.raises(RoutingError, match=complaint) as caught:
        passed(Site("m", element=element), function, X)
    assert "\n" not in str(caught.value)


def test_an_input_is_a_positional_argument():
    site = Site("m", side="input")
    found, returned = passed(site, lambda x, n: x * n, X, 3, edit=lambda v: v + 1)
    assert torch.equal(found, X)
    assert torch.equal(returned, (X + 1) * 3)
    second = Site("m", side="input", element=1)
    assert torch.equal(passed(second, torch.sub, X, 2 * X, edit=torch.zeros_like)[1], X)
    with pytest.raises(RoutingError, match="give element"):
        passed(site, torch.sub, X, X)
    with pytest.raises(RoutingError, match="given by keyword or not at all"):
        passed(site, lambda x: x, x=X)


@pytest.mark.parametrize(("axis", "along"), [(-1, 1), (2, 1), (1, 2)])
def test_positions_are_tokens_and_the_edit_sees_only_them(axis, along):
    site = Site("m", axis=axis, positions=[-1, 1])
    last = X.shape[along] - 1
    found, returned = passed(site, lambda x: x, X, edit=torch.zeros_like)
    assert torch.equal(found, X.index_select(along, torch.tensor([last, 1])))
    expected = X.clone()
    expected.select(along, 1).zero_()
    expected.select(along, last).zero_()
    assert torch.equal(returned, expected)


@pytest.mark.parametrize(
    ("options", "value", "complaint"),
    [
        ({"axis": -1, "positions": [5]}, X, r"no position 5: it has 5 \(0…4\)"),
        ({"axis": -1, "positions": [-6]}, X, "no position -6"),
        ({"axis": -1, "positions": [4, -1]}, X, "name one of them twice"),
        ({"positions": [0]}, X, "the axis of its units is not known: give axis"),
        ({"axis": -3, "positions": [0]}, X, "no units on axis -3"),
        ({"axis": 3, "positions": [0]}, X, "no units on axis 3"),
        ({"positions": [0]}, X[:, 0], "positions are tokens of"),
        ({"positions": [0]}, X[..., None], "positions are tokens of"),
    ],
)
def test_positions_that_are_no_tokens_are_refused(options, value, complaint):
    with pytest.raises(RoutingError, match=complaint):
        passed(Site("m", **options), lambda x: x, value, edit=torch.zeros_like)


def test_tokens_of_attention_that_are_not_on_axis_1_are_refused():
    model = nn.ModuleDict({"m": nn.MultiheadAttention(4, 2)})
    edit_at(model, Site("m", positions=[0]), torch.zeros_like)
    with pytest.raises(RoutingError, match="positions are tokens"):
        model["m"](X, X, X)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"side": "outputs"}, "side: 'outputs' is not a side; give output or input"),
        ({"element": -1}, "element: -1 is not an index"),
        ({"element": True}, "element: True"),
        ({"axis": 0}, "axis: 0 is not an axis of units; 0 is the batch"),
        ({"axis": "1"}, "axis: '1'"),
        ({"positions": []}, r"positions: \[\] is not a list of positions"),
        ({"positions": -1}, "positions: -1 is not a list of positions"),
        ({"positions": "01"}, "positions: '01'"),
        ({"positions": [0.5]}, r"positions: \[0.5\]"),
    ],
)
def test_a_site_that_no_network_can_have_is_refused_when_it_is_made(options, complaint):
    with pytest.raises(RoutingError, match=complaint):
        Site("m", **options)


def test_a_site_is_a_key_and_is_restored_from_plain_values():
    one = Site("m", "input", 1, -1, [0, -1])
    assert {one: 1}[Site("m", "input", 1, -1, (0, -1))] == 1
    assert Site(**one.to_plain()) == one
    assert Site("m").to_plain() == {"module": "m"}


TOKENS = torch.randint(11, (3, 6), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("weights", [False, True])
def test_regions_at_the_hidden_states_of_tuple_blocks_are_closed_exactly(weights):
    """Units 0 to 3 of all residual outputs: their rows get no gradient, the others theirs."""
    part = {"units": "0:4"} | ({"element": 0} if weights else {})
    parts = [{"module": "blocks.?", **part}, {"module": "wte", "units": "0:4"}]
    options = {"regions": {"r": parts}, "rules": {"closed": {"r": 0}, "open": {}}}
    found = {}
    for name, label in (("closed", 0), ("open", 1)):
        model = TupleGPT(weights=weights)
        router = routing.attach(model, options, example=TOKENS)
        with router.labels(torch.full((3, 6), label)):
            model(TOKENS).square().sum().backward()
        found[name] = {n: p.grad for n, p in model.named_parameters()}
    plain = TupleGPT(weights=weights)
    plain(TOKENS).square().sum().backward()
    for name, parameter in plain.named_parameters():
        assert torch.equal(found["open"][name], parameter.grad), name
    assert {part.axis for part in router.regions["r"].parts} == {-1}
    owned = router.owned()
    assert owned["blocks.1.proj.weight"]["r"].any(0).tolist() == [True] * 4 + [False] * 4
    for name, masks in owned.items():
        assert not found["closed"][name][masks["r"]].any(), name
    assert found["closed"]["blocks.1.proj.weight"][:, 4:].any()


def test_a_tuple_of_two_tensors_needs_the_element_also_in_a_region():
    model = TupleGPT(weights=True)
    with pytest.raises(RoutingError, match=r"blocks\.0 is not one tensor of floats"):
        routing.resolve(model, {"r": [{"module": "blocks.0"}]}, example=TOKENS)
    with pytest.raises(RoutingError, match=r"element 2 of the output of blocks\.0 is not one"):
        routing.resolve(model, {"r": [{"module": "blocks.0", "element": 2}]}, example=TOKENS)
    with pytest.raises(RoutingError, match="element 0 of the output of norm is not one tensor"):
        routing.resolve(model, {"r": [{"module": "norm", "element": 0}]}, example=TOKENS)
    with pytest.raises(RoutingError, match="rows of a weight need no element"):
        routing.resolve(model, {"r": [{"module": "head", "at": "parameters", "element": 0}]})
    both = {"r": [{"module": "blocks.0", "element": 0}], "s": [{"module": "blocks.0"}]}
    options = {"regions": both, "rules": {"x": {}}}
    with pytest.raises(RoutingError, match="one part has element 0 and another none"):
        routing.attach(TupleGPT(), options)


@pytest.mark.parametrize("mode", ["zero", 0.5, "mean", "resample"])
def test_regions_of_tuple_blocks_are_ablated_at_some_tokens_alone(mode):
    model, example = TupleGPT(weights=True).eval(), TOKENS
    parts = [{"module": "blocks.1", "element": 0, "units": "2:5"}]
    regions = routing.resolve(model, {"r": parts}, example=example)
    means = routing.record_means(model, regions, lambda: model(example))
    more = {"means": means, "generator": torch.Generator().manual_seed(0)}
    hidden, seen = [], []
    with torch.no_grad():
        handle = model.blocks[1].register_forward_hook(lambda m, a, o: hidden.append(o[0]))
        plain = model(example)
        handle.remove()
        with routing.ablate(model, regions, {"r": mode}, positions=[0, -1], **more):
            handle = model.norm.register_forward_pre_hook(lambda m, a: seen.append(a[0]))
            changed = model(example)
            handle.remove()
    clean, found = hidden[0], seen[0]
    torch.testing.assert_close(means["r"][0], clean[..., 2:5].mean((0, 1)))
    assert torch.equal(found[:, 1:-1], clean[:, 1:-1])
    assert torch.equal(found[..., :2], clean[..., :2])
    assert torch.equal(plain[:, 1:-1], changed[:, 1:-1])
    ends, units = [0, -1], slice(2, 5)
    after, before = found[:, ends, units], clean[:, ends, units]
    if mode == "mean":
        assert torch.equal(after, means["r"][0].expand(3, 2, 3))
    elif mode == "resample":
        rows = [next(i for i in range(3) if torch.equal(row, before[i])) for row in after]
        assert sorted(rows) == [0, 1, 2]
        assert all(i != row for i, row in enumerate(rows))
    else:
        assert torch.equal(after, before * (0 if mode == "zero" else mode))
    with (
        routing.ablate(model, regions, {"r": "zero"}, positions=[6]),
        pytest.raises(RoutingError, match=r"no position 6: it has 6 \(0…5\)"),
    ):
        model(example)
