"""Routing and ablation act on the axis of the units at the place declared, or are refused."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from chisel import routing
from chisel.configs import GridExpertsConfig
from chisel.models import Spaces, build
from chisel.routing import RoutedAdam, RoutingError
from tests.routing.small_nets import Conv1D, TinyGPT

CLOSED = {"rules": {"closed": {"r": 0}}}


def attach(model, part, example=None, **more):
    return routing.attach(model, CLOSED | {"regions": {"r": [part]}} | more, example=example)


def closed_gradients(model, router, x):
    model.zero_grad()
    with router.labels(torch.zeros(len(x), dtype=torch.long)):
        model(x).square().sum().backward()
    return {name: p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("shape", [(4, 8), (4, 5, 8), (4, 8, 8), (8, 8, 8), (3, 2, 5, 8)])
@pytest.mark.parametrize("example", [True, False])
@pytest.mark.parametrize("module", ["0", "1"])
def test_units_of_a_linear_are_features_whatever_the_tokens(shape, example, module):
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 3)), torch.randn(shape)
    router = attach(model, {"module": module, "units": "0%:50%"}, x if example else None)
    assert router.regions["r"].parts[0].units == (0, 1, 2, 3)
    found = closed_gradients(model, router, x)
    assert not found["0.weight"][:4].any()
    assert found["0.weight"][4:].any(1).all()
    with torch.no_grad(), routing.ablate(model, router.regions, {"r": "zero"}):
        ablated = model(x)
    kept = [nn.Identity(), nn.Identity()]
    kept[int(module)] = torch.arange(8) >= 4
    hidden = model[0](x) * (kept[0] if module == "0" else 1)
    hidden = model[1](hidden) * (kept[1] if module == "1" else 1)
    torch.testing.assert_close(ablated, model[2](hidden).detach())


@pytest.mark.parametrize(
    ("layer", "shape", "axis"),
    [
        (nn.Linear(8, 8), (4, 8, 8), 1),
        (nn.LayerNorm(8), (4, 8, 8), 1),
        (Conv1D(8, 8), (4, 8, 8), 1),
        (nn.Conv2d(8, 8, 1), (4, 8, 8, 8), -1),
        (nn.BatchNorm1d(8), (4, 8, 8), -1),
    ],
)
def test_an_axis_that_is_not_the_layers_is_refused_with_an_example_and_without(layer, shape, axis):
    model, x, part = nn.Sequential(layer), torch.randn(shape), {"module": "0", "axis": axis}
    with pytest.raises(RoutingError, match=r"has its units on axis .*: leave axis out"):
        attach(model, part, x)
    with pytest.raises(RoutingError, match="units on"):
        closed_gradients(model, attach(model, part), x)


def test_an_unknown_axis_of_three_must_be_given():
    class Mixing(nn.Module):
        def forward(self, x):
            return torch.cumsum(x, 1)

    model, x = nn.Sequential(Mixing(), nn.Flatten(), nn.Linear(24, 2)), torch.randn(2, 4, 6)
    options = {"regions": {"r": [{"module": "0", "units": "0:2"}]}}
    with pytest.raises(RoutingError, match=r"give axis: -1 for tokens .*, axis: 1 for channels"):
        routing.attach(model, options, example=x)


def test_a_site_without_the_batch_on_axis_0_is_refused():
    class TimeMajor(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.out = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.out(self.fc(x.transpose(0, 1))).transpose(0, 1)

    with pytest.raises(RoutingError, match=r"for a batch of \[3\]: axis 0 .* must be the batch"):
        attach(TimeMajor(), {"module": "fc", "units": "0:2"}, torch.randn(3, 5, 4))


class WithAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = nn.MultiheadAttention(8, 2, batch_first=True)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.attn(x, x, x)[0])


@pytest.mark.parametrize("at", ["output", "input", "parameters"])
@pytest.mark.parametrize("example", [True, False])
def test_projections_that_attention_does_not_call_are_refused(at, example):
    x = torch.randn(3, 5, 8)
    with pytest.raises(RoutingError, match=r"attn\.out_proj is not called: nn\.MultiheadAttention"):
        attach(WithAttention(), {"module": "attn.out_proj", "at": at}, x if example else None)


def test_the_output_of_attention_owns_rows_of_its_last_projection():
    model, x = WithAttention(), torch.randn(3, 5, 8)
    router = attach(model, {"module": "attn", "units": "0:4"}, x)
    assert set(router.owned()) == {"attn.out_proj.weight", "attn.out_proj.bias"}
    found = closed_gradients(model, router, x)
    assert not found["attn.out_proj.weight"][:4].any()
    assert found["attn.out_proj.weight"][4:].any(1).all()


class Uncalled(nn.Module):
    """Whose layer `idle` is used without being called."""

    def __init__(self):
        super().__init__()
        self.idle, self.out = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.out(F.linear(x, self.idle.weight))


@pytest.mark.parametrize("at", ["output", "input", "parameters"])
def test_a_layer_that_is_never_called_is_refused_with_an_example_or_at_the_first_labelled_batch(at):
    model, x, part = Uncalled(), torch.randn(3, 4), {"module": "idle", "at": at}
    with pytest.raises(RoutingError, match="idle is not called when the model runs"):
        attach(model, part, x)
    router = attach(model, part, freeze=False)
    with pytest.raises(RoutingError, match="idle is not called when the model runs"):
        closed_gradients(model, router, x)
    router.detach()
    router = attach(model, part, freeze=False)
    router.use(torch.zeros(3, dtype=torch.long))
    model(x).sum().backward()
    with pytest.raises(RoutingError, match="idle is not called"):
        router.use(torch.zeros(3, dtype=torch.long))


def test_a_critic_whose_layers_are_not_called_is_refused():
    model = build(GridExpertsConfig(), Spaces((5, 5, 4), "uint8", 1.0, 4))
    with pytest.raises(RoutingError, match=r"critic\.conv is not called when the model runs"):
        attach(model, {"module": "critic", "at": "parameters"}, torch.zeros(2, 4, 5, 5).byte())


def test_ablating_a_place_that_the_model_never_passes_raises():
    model, x = Uncalled(), torch.randn(3, 4)
    regions = routing.resolve(model, {"r": [{"module": "idle"}]})

    def ablated():
        with torch.no_grad(), routing.ablate(model, regions, {"r": "zero"}):
            model(x)

    with pytest.raises(RoutingError, match="idle is not called when the model runs"):
        ablated()
    with routing.ablate(model, regions, {"r": "zero"}):  # nothing ran, so nothing was missed
        pass


def test_a_sum_in_place_behind_a_routed_module_gives_the_gradient_of_one_out_of_place():
    class Sum(nn.Module):
        def __init__(self, in_place):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b, self.in_place = nn.Linear(4, 4), nn.Linear(4, 2), in_place

        def forward(self, x):
            h = self.a(x)
            if self.in_place:
                h.view(-1).add_(1)
                h += x
            else:
                h = h + 1 + x
            return self.b(h)

    x, found = torch.randn(3, 4), []
    for in_place in (False, True):
        for example in (None, x):
            model = Sum(in_place)
            router = attach(model, {"module": "a", "units": "0:2"}, example)
            found.append(closed_gradients(model, router, x))
    for other in found[1:]:
        assert all(torch.equal(found[0][name], value) for name, value in other.items())


def test_a_computed_weight_has_no_columns_and_its_rows_need_an_example():
    normed = nn.utils.parametrizations.weight_norm
    model = nn.Sequential(normed(nn.Linear(4, 4)), nn.ReLU(), normed(nn.Linear(4, 2)))
    x = torch.randn(5, 4)
    with pytest.raises(RoutingError, match="only the columns of a plain Linear or Conv2d"):
        attach(model, {"module": "0", "units": "0:2", "consumers": ["2"]}, x)
    with pytest.raises(RoutingError, match="give attach an `example` input"):
        attach(model, {"module": "1", "units": "0:2"})
    router = attach(model, {"module": "1", "units": "0:2"}, x)
    rows = {
        name: masks["r"].flatten(1).any(1).tolist()
        for name, masks in router.owned().items()
        if masks["r"].dim() > 1
    }
    assert set(map(tuple, rows.values())) == {(True, True, False, False)}
    found = closed_gradients(model, router, x)
    assert all(not found[name][masks["r"]].any() for name, masks in router.owned().items())


def test_erasing_tied_weights_is_refused_where_zeros_would_do_more_than_ablating():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2 = (nn.Linear(8, 8, bias=False) for _ in range(2))
            self.fc2.weight = self.fc1.weight

        def forward(self, x):
            return self.fc2(torch.relu(self.fc1(x)))

    model, x = Tied(), torch.randn(5, 8)
    regions = routing.resolve(model, {"r": [{"module": "fc1", "units": "0:4"}]})
    before = model(x)
    with pytest.raises(RoutingError, match="give erase an example input"):
        routing.erase(model, regions, ["r"])
    with pytest.raises(RoutingError, match="outputs are not those of the ablated model"):
        routing.erase(model, regions, ["r"], example=x)
    assert torch.equal(model(x), before)


def test_a_routed_transformer_has_the_outputs_of_one_without_routes_bit_for_bit():
    model, tokens = TinyGPT(), torch.randint(11, (3, 5))
    plain = model(tokens)
    router = attach(model, {"module": "blocks.0.proj", "units": "0:4"}, tokens)
    with router.labels(torch.zeros(3, 5, dtype=torch.long)):
        assert torch.equal(model(tokens), plain)
    RoutedAdam(model.named_parameters(), owned=router.owned())
