"""Labels and rules change gradients, exactly as declared, and never outputs."""

import pytest
import torch
from torch import nn

from chisel import routing
from chisel.routing import RoutingError
from tests.routing.gradient.reference import images, mixed_net
from tests.routing.gradient.routed import LABELS, OPTIONS, REGIONS, equal, gradients, same


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


def test_gradients_of_examples_kept_out_of_a_region_are_exactly_zero_there():
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


def test_without_labels_and_after_them_gradients_are_not_routed():
    model, inputs = mixed_net(), images()
    plain = gradients(model, inputs)
    router = routing.attach(model, OPTIONS)
    equal(gradients(model, inputs), plain)
    gradients(model, inputs, router, LABELS)
    equal(gradients(model, inputs), plain)
    router.use(LABELS)
    router.clear()
    equal(gradients(model, inputs), plain)


def test_labels_without_examples_give_finite_gradients():
    model, inputs = mixed_net(), images()
    router = routing.attach(model, OPTIONS)
    found = gradients(model, inputs, router, torch.zeros(7, dtype=torch.long))
    assert all(gradient.isfinite().all() for gradient in found.values())
    with router.labels(torch.zeros(0, dtype=torch.long)):
        model[:8](inputs[:0]).sum().backward()
    assert all(p.grad.isfinite().all() for p in model[:8].parameters())


def test_gradients_of_micro_batches_add_up_to_those_of_the_batch():
    model, inputs = mixed_net(), images()
    router = routing.attach(model, OPTIONS)
    whole = gradients(model, inputs, router, LABELS)
    model.zero_grad()
    for start, stop in ((0, 2), (2, 3), (3, 7)):
        with router.labels(LABELS[start:stop]):
            model(inputs[start:stop]).square().sum().backward()
    same({name: p.grad for name, p in model.named_parameters()}, whole)


def test_an_activation_in_place_behind_a_site_gives_the_same_gradients():
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


def test_a_mask_on_one_path_of_a_skip_connection_leaves_the_other_path_open():
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
    with pytest.raises(RoutingError, match="no parameter acts only through its units"):
        routing.attach(model, options, example=inputs)
    router = routing.attach(model, options | {"freeze": False}, example=inputs)
    with router.labels(torch.zeros(5, dtype=torch.long)):
        model(inputs).sum().backward()
    torch.testing.assert_close(model.fc.bias.grad, torch.full((4,), 10.0, dtype=torch.float64))


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


@pytest.mark.parametrize("as_list", [False, True])
def test_the_one_tensor_of_a_tuple_is_routed_and_of_two_only_the_one_that_is_named(as_list):
    labels, x = torch.tensor([0, 0]), torch.randn(2, 3)
    options = {"regions": {"a": [{"module": "0"}]}, "rules": {"x": {"a": 0}}}
    model = nn.Sequential(Pair(as_list))
    router = routing.attach(model, options, example=x)
    assert sorted(router.owned()) == ["0.fc.bias", "0.fc.weight"]
    with router.labels(labels):
        first, second = model(x)
        first.sum().backward()
    assert second is None
    assert not model[0].fc.weight.grad.any()
    router.detach()
    model = nn.ModuleDict({"pair": Pair(as_list)})
    part = {"module": "pair", "at": "input"}
    options = {"regions": {"a": [part]}, "rules": {"x": {"a": 0}}, "freeze": False}
    router = routing.attach(model, options)
    with (
        router.labels(labels),
        pytest.raises(RoutingError, match="floats: give element"),
    ):
        model["pair"](x, x)
    router.detach()
    options["regions"]["a"] = [part | {"element": "1"}]
    router = routing.attach(model, options)
    assert router.regions.to_plain()["a"][0]["element"] == 1
    x, y = x.requires_grad_(), torch.randn(2, 3, requires_grad=True)
    with router.labels(labels):
        sum(one.sum() for one in model["pair"](x, y)).backward()
    assert x.grad.any()
    assert not y.grad.any()


def test_a_size_guessed_wrongly_from_neighbours_is_refused_when_data_passes():
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
    with pytest.raises(RoutingError, match=r"0 \(Noisy\) is not a plain Linear or Conv2d"):
        routing.attach(nn.Sequential(Noisy(3, 4)), options)
    model = nn.Sequential(nn.Linear(3, 4))
    routing.attach(model, options)
    with pytest.raises(RoutingError, match="routed already; detach the other router first"):
        routing.attach(model, options)
    even = nn.Sequential(nn.Conv2d(3, 4, 2, padding="same"))
    with pytest.raises(RoutingError, match="even kernel"):
        routing.attach(even, options)
