"""A region that rules close does not move, on any network; or it is refused."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from chisel import routing
from chisel.configs import ImpalaConfig
from chisel.models import Spaces, build
from chisel.routing import RoutedAdam, RoutingError, UnprotectedRegion
from tests.routing.small_nets import RandomNet, TinyGPT

RULES = {"open": {}, "closed": {"r": 0}}
CLOSED = 1


def attach(model, *parts, example, **more):
    return routing.attach(
        model, {"regions": {"r": list(parts)}, "rules": RULES} | more, example=example
    )


def largest_move(model, router, inputs, steps=4, optimizer=None):
    """The largest change of what `r` owns in steps that it is closed to, after open ones."""
    if optimizer is None:
        optimizer = RoutedAdam(model.named_parameters(), lr=0.01, owned=router.owned())

    def step(label):
        x = inputs()
        with router.labels(torch.full((len(x),), label)):
            optimizer.zero_grad()
            output = model(x)
            output = output[0] if isinstance(output, tuple) else output
            output.square().mean().backward()
        optimizer.step()

    for _ in range(steps):
        step(0)
    before = routing.snapshot(model)
    for _ in range(steps):
        step(CLOSED)
    return routing.moved(model, before, router.owned())["r"]


def attached_or_refused(model, part, example):
    """A router; None if the region cannot be kept unchanged."""
    try:
        return attach(model, part, example=example)
    except RoutingError as error:
        if "cannot be kept unchanged" not in str(error):
            raise
        return None


def owns(router):
    return {name: masks["r"] for name, masks in router.owned().items() if "r" in masks}


class Custom(nn.Module):
    """`fc1 → act → fc2`, as one writes a module."""

    def __init__(self):
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)

    def forward(self, x):
        return self.fc2(self.act(self.fc1(x)))


def test_behind_an_activation_in_a_custom_forward_the_rows_before_it_rest():
    model, x = Custom(), torch.randn(5, 4)
    router = attach(model, {"module": "act", "units": "0:3"}, example=x)
    rows = torch.zeros(6, dtype=torch.bool)
    rows[:3] = True
    assert torch.equal(owns(router)["fc1.weight"], rows[:, None].expand(6, 4))
    assert torch.equal(owns(router)["fc1.bias"], rows)
    assert set(largest_move(model, router, lambda: torch.randn(5, 4)).values()) == {0.0}
    assert not [leak for leak in routing.leaks(model, router.regions, x) if leak.kind != "reader"]


def test_a_custom_forward_without_an_example_is_refused_unless_freeze_is_off():
    options = {"regions": {"r": [{"module": "act", "units": "0:3"}]}, "rules": RULES}
    with pytest.raises(
        RoutingError, match=r"closed to a label and cannot be kept unchanged.*example"
    ):
        routing.attach(Custom(), options)
    assert routing.attach(Custom(), options | {"freeze": False}).owned() == {}
    open_only = options | {"rules": {"open": {"r": 0.5}}}
    assert routing.attach(Custom(), open_only).owned().unprotected == ("r",)


def test_a_region_declared_unprotected_is_warned_of_and_untested():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.mean = nn.Linear(4, 6), nn.Softmax(-1)
            self.out = nn.Linear(6, 2)

        def forward(self, x):
            h = self.fc(x)
            return self.out(self.mean(h)) + h[:, :2]

    model, x = Mixed(), torch.randn(5, 4)
    part = {"module": "mean", "units": "0:3"}
    with pytest.raises(RoutingError, match=r"no parameter acts .* unprotected: \[r\]"):
        attach(model, part, example=x)
    with pytest.warns(UnprotectedRegion, match="region r is unprotected"):
        router = attach(model, part, example=x, unprotected=["r"])
    change = largest_move(model, router, lambda: torch.randn(5, 4))
    assert list(change) == ["UNTESTED"]
    assert change["UNTESTED"] != 0
    kinds = {leak.kind: str(leak) for leak in routing.leaks(model, router.regions, x)}
    assert kinds["untested"].startswith("UNTESTED: no parameter acts")
    with pytest.raises(RoutingError, match="no region 's'; known: r"):
        attach(model, part, example=x, unprotected=["s"])
    with pytest.raises(RoutingError, match="the parameters of region r can be kept unchanged"):
        attach(Custom(), {"module": "act"}, example=x, unprotected=["r"])


def test_a_region_whose_weights_are_used_past_its_mask_is_refused():
    class Twice(Custom):
        def forward(self, x):
            return super().forward(x) + F.linear(x, self.fc1.weight).sum(-1, keepdim=True)

    with pytest.raises(RoutingError, match=r"fc1\.weight acts through its units and also on a way"):
        attach(Twice(), {"module": "fc1", "units": "0:3"}, example=torch.randn(5, 4))


@pytest.mark.parametrize("groups", [1, 2])
def test_units_of_a_transposed_convolution_with_other_numbers_in_and_out_rest(groups):
    up = nn.ConvTranspose2d(2, 4, 3, groups=groups)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), up, nn.ReLU(), nn.Conv2d(4, 1, 1))
    router = attach(model, {"module": "2", "units": "1:3"}, example=torch.randn(3, 1, 5, 5))
    made = torch.tensor([False, True, True, False])
    assert torch.equal(owns(router)["2.bias"], made)
    by_input = made.view(groups, 1, -1).expand(groups, 2 // groups, -1).reshape(2, -1)
    assert torch.equal(owns(router)["2.weight"], by_input[..., None, None].expand(up.weight.shape))
    assert set(largest_move(model, router, lambda: torch.randn(3, 1, 5, 5)).values()) == {0.0}


TOKENS = torch.randint(11, (3, 5), generator=torch.Generator().manual_seed(0))


def rows_of(shape, rows, axis=0):
    mask = torch.zeros(shape, dtype=torch.bool)
    mask.movedim(axis, 0)[rows] = True
    return mask


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("sdpa", [False, True])
def test_a_head_owns_its_queries_keys_and_values(fused, sdpa):
    model = TinyGPT(fused=fused, sdpa=sdpa)
    place = {"module": "blocks.0.attn.out", "at": "input", "units": "0:4"}
    router = attach(model, place, example=TOKENS)
    if fused:
        rows = [*range(4), *range(8, 12), *range(16, 20)]
        name = "blocks.0.attn.c_attn"
        expected = {
            f"{name}.weight": rows_of((8, 24), rows, 1),
            f"{name}.bias": rows_of((24,), rows),
        }
    else:
        expected = {}
        for name in "qkv":
            expected[f"blocks.0.attn.{name}.weight"] = rows_of((8, 8), range(4))
            expected[f"blocks.0.attn.{name}.bias"] = rows_of((8,), range(4))
    assert owns(router).keys() == expected.keys()
    assert all(torch.equal(mask, expected[name]) for name, mask in owns(router).items())
    assert set(largest_move(model, router, lambda: TOKENS).values()) == {0.0}


@pytest.mark.parametrize(
    ("part", "own"),
    [
        ({"module": "blocks.1.fc", "units": "0:4"}, {"blocks.1.fc.weight", "blocks.1.fc.bias"}),
        ({"module": "blocks.1.proj", "units": "0:4"}, {"blocks.1.proj.weight"}),
        ({"module": "blocks.1.proj", "at": "input", "units": "0:4"}, {"blocks.1.fc.weight"}),
        ({"module": "blocks.1.norm2", "units": "0:4"}, {"blocks.1.norm2.weight"}),
        ({"module": "blocks.1", "units": "0:4"}, {"blocks.1.proj.weight", "blocks.1.proj.bias"}),
        ({"module": "wte", "units": "0:4"}, {"wte.weight"}),
    ],
)
def test_layers_over_tokens_have_their_units_on_the_last_axis_and_rest(part, own):
    model = TinyGPT()
    router = attach(model, part, example=TOKENS)
    assert router.regions["r"].parts[0].axis == -1
    assert own <= owns(router).keys()
    assert set(largest_move(model, router, lambda: TOKENS).values()) == {0.0}


def test_labels_may_be_per_token_and_each_keeps_its_own_position_out():
    model = TinyGPT()
    router = attach(model, {"module": "blocks.0.proj", "units": "0:4"}, example=TOKENS)
    weight, found = model.blocks[0].proj.weight, []
    for labels in (torch.zeros(3, 5), torch.ones(3, 5), torch.arange(5).remainder(2).expand(3, 5)):
        model.zero_grad()
        with router.labels(labels.long()):
            model(TOKENS).square().sum().backward()
        found.append(weight.grad.clone())
    everything, nothing, some = found
    assert not nothing[:, :4].any()
    assert torch.equal(nothing[:, 4:], everything[:, 4:])
    assert some[:, :4].any()
    assert not torch.equal(some[:, :4], everything[:, :4])


def test_a_declared_tie_is_owned_and_an_undeclared_one_is_refused():
    part = {"module": "wte", "units": "0:4"}
    with pytest.raises(
        RoutingError, match="cannot be kept unchanged: no parameter acts only through"
    ):
        attach(TinyGPT(tied=True), part, example=TOKENS)
    model = TinyGPT(tied=True)
    router = attach(model, part | {"consumers": ["head"]}, example=TOKENS)
    assert torch.equal(owns(router)["wte.weight"], rows_of((11, 8), range(4), 1))
    assert set(largest_move(model, router, lambda: TOKENS).values()) == {0.0}
    assert "tied" not in {leak.kind for leak in routing.leaks(model, router.regions, TOKENS)}


def test_regions_of_a_residual_stream_need_all_its_outputs_and_own_what_writes_to_it():
    class Stream(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = (nn.Linear(6, 6) for _ in range(3))
            self.add1, self.add2 = nn.Identity(), nn.Identity()
            self.head = nn.Linear(6, 2)

        def forward(self, x):
            h = self.a(x)
            h = self.add1(h + torch.tanh(self.b(h)))
            return self.head(self.add2(h + torch.tanh(self.c(h))))

    x = torch.randn(5, 6)
    last = {"module": "add2", "units": "0:2"}
    assert owns(attach(Stream(), last, example=x)).keys() == {"c.weight", "c.bias"}
    both = attach(Stream(), last, {"module": "add1", "units": "0:2"}, example=x)
    assert owns(both).keys() == {"b.weight", "b.bias", "c.weight", "c.bias"}


def test_two_regions_cannot_have_one_unit_behind_and_before_a_functional_activation():
    class Functional(Custom):
        def forward(self, x):
            return self.fc2(self.act(F.gelu(self.fc1(x))))

    parts = {"a": [{"module": "fc1", "units": "0:3"}], "b": [{"module": "act", "units": "2:4"}]}
    with pytest.raises(RoutingError, match="both have unit 2 of the output of"):
        routing.resolve(Functional(), parts, example=torch.randn(5, 4))


def test_every_single_module_of_impala_owns_something_or_is_refused():
    model = build(ImpalaConfig(channels=(4, 8, 8), hidden=16), Spaces((9, 9, 3), "uint8", 1.0, 15))
    image = torch.rand(2, 3, 9, 9)
    protected, refused = [], []
    for name, module in model.named_modules():
        if not name or list(module.children()) or name == "fc_value":  # which has one unit
            continue
        try:
            router = attach(model, {"module": name, "units": "0:4"}, example=image)
        except RoutingError:
            refused.append(name.removeprefix("embedder."))
            continue
        assert set(largest_move(model, router, lambda: image).values()) == {0.0}, name
        router.detach()
        protected.append(name)
    # What a residual branch reads is read by the sum as well.
    assert refused == [f"block{b}.res{r}.relu1" for b in (1, 2, 3) for r in (1, 2)]
    assert len(protected) == 35


@pytest.mark.parametrize("seed", range(60))
def test_on_a_random_network_a_closed_region_moves_by_exactly_nothing_or_is_refused(seed):
    draw = torch.Generator().manual_seed(1000 + seed)
    model = RandomNet(seed)
    tokens = bool(seed % 2)

    def inputs():
        return torch.randn(4, 5, 6) if tokens else torch.randn(4, 6)

    part = {
        "module": f"layers.{int(torch.randint(5, (1,), generator=draw))}",
        "at": ("output", "input")[int(torch.randint(2, (1,), generator=draw))],
        "units": ("0:2", "2:5", "0:6")[int(torch.randint(3, (1,), generator=draw))],
        "axis": -1,
    }
    router = attached_or_refused(model, part, example=inputs())
    if router is None:
        return
    assert set(largest_move(model, router, inputs).values()) == {0.0}
    # What reaches the region alone is all that closed examples leave without gradient.
    router.rules.rules["closed"]["r"] = 0.0
    x = torch.cat([inputs() for _ in range(8)])
    model.zero_grad()
    with router.labels(torch.full((len(x),), CLOSED)):
        model(x).square().sum().backward()
    still = {n: p.grad == 0 for n, p in model.named_parameters() if p.grad is not None}
    for name, mask in owns(router).items():
        assert still[name][mask].all()
    unowned = [n for n, mask in still.items() if mask.any() and not _explained(n, mask, router)]
    assert unowned == []


def _explained(name, still, router):
    """Whether elements without gradient are owned."""
    own = owns(router).get(name, torch.zeros_like(still))
    return bool((own | ~still).all())


def test_a_fifth_of_single_layers_of_random_networks_is_refused():
    part, x = {"module": "layers.2", "units": "0:3"}, torch.randn(2, 6)
    routers = [attached_or_refused(RandomNet(seed), part, example=x) for seed in range(60)]
    assert sum(router is None for router in routers) < 30
