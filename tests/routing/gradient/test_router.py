"""What labels, rules and terms do to gradients, and what they never do to outputs."""

import copy
import io

import pytest
import torch
from torch import nn

from chisel import routing
from chisel.routing import RoutingError
from tests.routing.gradient.reference import images, mixed_net

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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_outputs_are_the_same_bits_with_and_without_routes(dtype):
    model, inputs = mixed_net(dtype=dtype), images(dtype=dtype)
    plain = model(inputs)
    rules = {"first": {"a": -0.75, "b": 0.3}, "second": {"a": 0, "b": 1e-9}}
    router = routing.attach(model, {"regions": REGIONS, "rules": rules})
    assert torch.equal(model(inputs), plain)
    with router.labels(LABELS):
        routed = model(inputs)
        assert routed.grad_fn is not None
        assert torch.equal(routed, plain)
        with torch.no_grad():
            assert torch.equal(model(inputs), plain)


def test_gradients_off_a_region_are_exactly_zero():
    model, inputs = mixed_net(dtype=torch.float32), images(dtype=torch.float32)
    router = routing.attach(model, OPTIONS)
    owned = router.owned()
    for label, off in ((0, "b"), (1, "a")):
        found = gradients(model, inputs, router, torch.full((7,), label))
        for name, masks in owned.items():
            if off in masks:
                assert (found[name][masks[off]] == 0.0).all()
            rest = ~masks.get(off, torch.zeros_like(found[name], dtype=torch.bool))
            assert (found[name][rest] != 0).any() or not rest.any()


def test_a_region_owns_what_its_rules_can_keep_still():
    """Nothing more: every other element gets gradient, but for dead units."""
    model, inputs = mixed_net(), images(64)
    for module in ("relu1", "relu3", "relu4"):
        setattr(model, module, nn.Softplus())
    router = routing.attach(model, OPTIONS)
    found = gradients(model, inputs, router, torch.full((64,), 1))
    owned = router.owned()
    for name, gradient in found.items():
        mask = owned.get(name, {}).get("a", torch.zeros_like(gradient, dtype=torch.bool))
        assert torch.equal(gradient == 0, mask), name


def test_owned_elements_are_rows_producers_columns_and_whole_modules():
    torch.manual_seed(0)
    model = nn.ModuleDict(
        {
            "trunk": nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 6)),
            "expert": nn.Sequential(nn.Linear(6, 3), nn.LayerNorm(3)),
            "encoder": nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4)),
            "back": nn.ConvTranspose2d(2, 4, 3),
            "grouped": nn.Conv2d(4, 6, 1, groups=2),
        }
    )
    parts = [
        {"module": "trunk.1", "units": "1", "consumers": ["trunk.3", "grouped"]},
        {"module": "expert"},
        {"module": "encoder", "units": "1:3"},
        {"module": "back", "units": "2"},
    ]
    owned = routing.attach(model, {"regions": {"a": parts}}).owned()
    found = {name: masks["a"] for name, masks in owned.items()}
    expected = {name: torch.zeros_like(p, dtype=torch.bool) for name, p in model.named_parameters()}
    expected["trunk.0.weight"][1] = expected["trunk.0.bias"][1] = True
    expected["trunk.3.weight"][:, 4:8] = True
    expected["grouped.weight"][:3, 1] = True
    expected["back.weight"][:, 2] = expected["back.bias"][2] = True
    expected["encoder.2.weight"][1:3] = expected["encoder.2.bias"][1:3] = True
    for name in ("0.weight", "0.bias", "1.weight", "1.bias"):
        expected[f"expert.{name}"][:] = True
    assert set(found) == {name for name, mask in expected.items() if mask.any()}
    for name, mask in found.items():
        assert torch.equal(mask, expected[name]), name


def test_units_on_another_axis_than_a_layers_are_no_rows_of_it():
    model = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU())
    options = {"rules": {"off": {"a": 0}}}
    example = torch.randn(1, 2, 4, 4)
    regions = {"a": [{"module": "0", "axis": 3, "units": "0:2"}]}
    with pytest.raises(RoutingError, match="has its units on axis 1, not 3: leave axis out"):
        routing.attach(model, options | {"regions": regions}, example=example)
    options |= {"regions": {"a": [{"module": "1", "axis": 3, "units": "0:2"}]}}
    with pytest.raises(RoutingError, match="no parameter acts through its units alone"):
        routing.attach(model, options, example=example)
    options |= {"unprotected": ["a"]}
    with pytest.warns(routing.UnprotectedRegion, match="region a is unprotected: no parameter"):
        router = routing.attach(model, options, example=example)
    assert router.owned() == {}
    with pytest.warns(routing.UnprotectedRegion):
        again = routing.attach(model, router.to_plain())
    assert dict(again.regions) == dict(router.regions)


def test_without_labels_or_after_them_gradients_are_plain():
    model, inputs = mixed_net(), images()
    plain = gradients(model, inputs)
    router = routing.attach(model, OPTIONS)
    equal(gradients(model, inputs), plain)
    gradients(model, inputs, router, LABELS)
    equal(gradients(model, inputs), plain)
    router.use(LABELS)
    router.clear()
    equal(gradients(model, inputs), plain)


def test_unlabelled_examples_take_the_defaults():
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


def test_soft_labels_mix_the_rows_of_the_table():
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


def test_strength_goes_from_no_routes_to_the_rules():
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


def test_a_route_without_examples_is_no_nan():
    model, inputs = mixed_net(), images()
    router = routing.attach(model, OPTIONS)
    found = gradients(model, inputs, router, torch.zeros(7, dtype=torch.long))
    assert all(gradient.isfinite().all() for gradient in found.values())
    with router.labels(torch.zeros(0, dtype=torch.long)):
        model[:8](inputs[:0]).sum().backward()
    assert all(p.grad.isfinite().all() for p in model[:8].parameters())


def test_micro_batches_add_up():
    model, inputs = mixed_net(), images()
    router = routing.attach(model, OPTIONS)
    whole = gradients(model, inputs, router, LABELS)
    model.zero_grad()
    for start, stop in ((0, 2), (2, 3), (3, 7)):
        with router.labels(LABELS[start:stop]):
            model(inputs[start:stop]).square().sum().backward()
    same({name: p.grad for name, p in model.named_parameters()}, whole)


def test_state_dicts_go_in_and_out_as_if_nothing_were_attached():
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


def test_detaching_leaves_nothing_behind():
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
def test_a_copy_is_plain_runs_on_its_own_weights_and_takes_routes_of_its_own(duplicate):
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


def test_labels_of_the_first_model_are_refused_in_a_copy():
    model, inputs = mixed_net(), images()
    router = routing.attach(model, OPTIONS)
    twin = copy.deepcopy(model)
    with router.labels(LABELS):
        with torch.no_grad():
            twin(inputs)
        with pytest.raises(RoutingError, match="copy of a routed model, without routes: attach"):
            twin(inputs)


def test_activations_that_work_in_place_may_follow_a_mask():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3)]
    options = OPTIONS | {
        "regions": {"a": [{"module": "0", "units": "1:3"}], "b": [{"module": "2"}]}
    }
    found = []
    for inplace in (False, True):
        layers[1] = nn.ReLU(inplace=inplace)
        model = nn.Sequential(*layers).double()
        router = routing.attach(model, options)
        found.append(gradients(model, images(), router, LABELS))
        router.detach()
    equal(*found)


def test_a_mask_at_a_skip_connection_lets_the_other_path_pass():
    """Also where the module returns its very input: only what goes through it is masked."""

    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.probe = nn.Linear(3, 4), nn.Identity()

        def forward(self, x):
            h = self.fc(x)
            return self.probe(h) + 2 * h

    model = Skip().double()
    options = {"regions": {"a": [{"module": "probe"}]}, "rules": {"off": {"a": 0}}}
    inputs = torch.randn(5, 3, dtype=torch.float64)
    with pytest.raises(RoutingError, match="no parameter acts through its units alone"):
        routing.attach(model, options, example=inputs)
    router = routing.attach(model, options | {"freeze": False}, example=inputs)
    with router.labels(torch.zeros(5, dtype=torch.long)):
        model(inputs).sum().backward()
    torch.testing.assert_close(model.fc.bias.grad, torch.full((4,), 10.0, dtype=torch.float64))


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


def test_a_loss_terms_rules_end_with_its_heads():
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


def test_without_terms_a_fork_masks_what_the_site_would():
    model, inputs = mixed_net(), images()
    expected = gradients(model, inputs, router := routing.attach(model, OPTIONS), LABELS)
    router.detach()
    router = routing.attach(model, OPTIONS, fork="relu4")
    model.zero_grad()
    with router.labels(LABELS):
        model.head(router.fork(model[:-1](inputs), "policy")).square().sum().backward()
    equal({name: p.grad for name, p in model.named_parameters()}, expected)


@pytest.mark.parametrize(
    ("changes", "fork", "message"),
    [
        ({"rules": {"x": {"c": 1}}}, None, "rules.x: no region 'c'"),
        ({"rules": {"x": {"a": "much"}}}, None, "rules.x.a: 'much' is no weight"),
        ({"rules": {"x": {"a": True}}}, None, "rules.x.a: True is no weight"),
        ({"rules": {"x": {"a": float("nan")}}}, None, "rules.x.a: nan is no weight"),
        ({"rules": ["x"]}, None, "rules: needs a mapping"),
        ({"unlabelled": {"c": 1}}, None, "unlabelled: no region 'c'"),
        ({"terms": {"value": {"third": {"a": 1}}}}, "relu4", "terms.value: no label 'third'"),
        ({"terms": {"value": {"first": {"a": 1}}}}, None, "need a fork"),
        ({"terms": {"value": {"first": {"a": 1}}}}, "tanh", "a has no units at the output of tanh"),
        ({}, "relu9", "fork: the model has no module 'relu9'"),
    ],
)
def test_rules_that_speak_of_nothing_are_refused_and_leave_no_trace(changes, fork, message):
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
def test_what_is_no_label_is_refused(labels, message):
    router = routing.attach(mixed_net(), OPTIONS)
    with pytest.raises(RoutingError) as error:
        router.use(labels)
    assert message in str(error.value)


def test_another_batch_than_the_labels_is_refused_only_where_gradients_flow():
    model, inputs = mixed_net(), images()
    router = routing.attach(model, OPTIONS)
    with router.labels(LABELS):
        with torch.no_grad():
            model(inputs[:3])
        with torch.inference_mode():
            model(inputs[:3])
        with pytest.raises(RoutingError, match=r"batch of \[3\], the labels in use are for \[7\]"):
            model(inputs[:3])
    model(inputs[:3])


class Pair(nn.Module):
    def __init__(self, as_list=False):
        super().__init__()
        self.fc, self.as_list = nn.Linear(3, 4), as_list

    def forward(self, x, y=None):
        return [self.fc(x), y] if self.as_list else (self.fc(x), y)


def test_of_a_tuple_the_first_tensor_is_routed_and_anything_else_is_refused():
    labels = torch.tensor([0, 0])
    model = nn.Sequential(Pair())
    options = {"regions": {"a": [{"module": "0"}]}, "rules": {"x": {"a": 0}}}
    router = routing.attach(model, options, example=torch.randn(2, 3))
    assert sorted(router.owned()) == ["0.fc.bias", "0.fc.weight"]
    with router.labels(labels):
        first, second = model(torch.randn(2, 3))
        first.sum().backward()
    assert second is None
    assert not model[0].fc.weight.grad.any()
    router.detach()
    model = nn.ModuleDict({"pair": Pair(as_list=True)})
    router = routing.attach(model, options | {"regions": {"a": [{"module": "pair"}]}})
    with router.labels(labels), pytest.raises(RoutingError, match="the output of pair is a list"):
        model["pair"](torch.randn(2, 3))
    router.detach()
    options = {"regions": {"a": [{"module": "pair", "at": "input"}]}, "rules": {"x": {"a": 0}}}
    router = routing.attach(model, options | {"freeze": False})
    with router.labels(labels), pytest.raises(RoutingError, match="2 positional arguments"):
        model["pair"](torch.randn(2, 3), torch.randn(2, 3))


def test_a_size_told_wrongly_from_neighbours_is_found_when_data_passes():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 4)

        def forward(self, x):
            return torch.cat([self.fc(x), self.fc(x)], dim=1)

    model = nn.Sequential(Twice())
    options = {"regions": {"a": [{"module": "0", "units": "50%:100%"}]}, "rules": {"x": {"a": 0}}}
    options |= {"freeze": False}  # either half of the output is made by the same weights
    router = routing.attach(model, options)
    router.use(torch.zeros(2, dtype=torch.long))
    with pytest.raises(
        RoutingError, match=r"shape \[2, 8\], not 4 units on axis -1.* an example input"
    ):
        model(torch.randn(2, 3))
    router.detach()
    router = routing.attach(model, options, example=torch.randn(2, 3))
    with router.labels(torch.zeros(2, dtype=torch.long)):
        model(torch.randn(2, 3)).sum().backward()


def test_layers_with_a_forward_of_their_own_are_refused():
    class Noisy(nn.Linear):
        def forward(self, x):
            return super().forward(x) + 1

    options = {"regions": {"a": [{"module": "0", "at": "parameters"}]}, "rules": {"x": {"a": 0}}}
    with pytest.raises(RoutingError, match=r"0 \(Noisy\) has a forward of its own"):
        routing.attach(nn.Sequential(Noisy(3, 4)), options)
    model = nn.Sequential(nn.Linear(3, 4))
    routing.attach(model, options)
    with pytest.raises(RoutingError, match="routed already; detach the other router first"):
        routing.attach(model, options)
    even = nn.Sequential(nn.Conv2d(3, 4, 2, padding="same"))
    with pytest.raises(RoutingError, match="even kernel"):
        routing.attach(even, options)
