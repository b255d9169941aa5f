"""Ways around a mask that no call of a torch function shows are found, or the region is refused."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from chisel import routing
from chisel.routing import RoutingError
from tests.routing.gradient.test_protection import RULES, Custom, attach, largest_move, owns

PART = {"module": "act", "units": "0:3"}
REFUSED = "closed to a label and cannot be kept unchanged"


class Beside(Custom):
    """What `way` makes of the units before their mask is added to the output."""

    def __init__(self, way):
        super().__init__()
        self.way = way

    def forward(self, x):
        h = self.fc1(x)
        return self.fc2(self.act(h)) + self.way(self, h).sum(-1, keepdim=True)


def written_through_a_view(net, h):
    buffer = torch.zeros_like(h)
    buffer[:, :3].copy_(h[:, :3])
    return buffer


def added_through_a_view(net, h):
    buffer = torch.zeros_like(h)
    buffer.narrow(1, 0, 3).add_(h[:, :3])
    return buffer


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, delta):
        return 2 * delta


WAYS = {
    "a view of a buffer is written": written_through_a_view,
    "a view of a buffer is added to": added_through_a_view,
    "only while it learns": lambda net, h: h if net.training else torch.zeros_like(h),
    "only with gradients": lambda net, h: h if torch.is_grad_enabled() else torch.zeros_like(h),
    "torch.vmap": lambda net, h: torch.vmap(lambda row: 2 * row)(h),
    "an autograd function": lambda net, h: Doubled.apply(h),
    "an operator": lambda net, h: torch.ops.aten.mul.Tensor(h, h),
    "checkpointing": lambda net, h: torch.utils.checkpoint.checkpoint(
        torch.square, h, use_reentrant=False
    ),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_way_past_the_mask_is_found_however_it_is_taken(way):
    model = Beside(way)
    with pytest.raises(RoutingError, match=REFUSED):
        attach(model, PART, example=torch.randn(5, 4))


def test_attention_weights_that_are_read_open_what_makes_them():
    class Reads(nn.Module):
        def __init__(self, weights):
            super().__init__()
            self.attn, self.weights = nn.MultiheadAttention(4, 2, batch_first=True), weights

        def forward(self, x):
            z, weights = self.attn(x, x, x)
            return z + weights.square().sum() if self.weights else z

    tokens = lambda: torch.randn(3, 5, 4)  # noqa: E731  # a short word
    with pytest.raises(RoutingError, match=r"in_proj_weight acts through its units and also"):
        attach(Reads(True), {"module": "attn"}, example=tokens())
    rows = attach(Reads(True), {"module": "attn", "units": "0:2"}, example=tokens())
    assert owns(rows).keys() == {"attn.out_proj.weight", "attn.out_proj.bias"}
    model = Reads(False)
    whole = attach(model, {"module": "attn"}, example=tokens())
    assert set(largest_move(model, whole, tokens).values()) == {0.0}


@pytest.mark.parametrize("make", [parametrizations.spectral_norm, parametrizations.orthogonal])
def test_a_layer_of_which_only_the_bias_would_rest_is_refused(make):
    model = Custom()
    make(model.fc1)
    with pytest.raises(RoutingError, match="only the bias of fc1 acts only through its units"):
        attach(model, PART, example=torch.randn(5, 4))

    class Tensordot(Custom):
        def forward(self, x):
            h = torch.tensordot(x, self.fc1.weight.T, 1) + self.fc1.bias
            return self.fc2(self.act(h))

    with pytest.raises(RoutingError, match="only the bias of fc1 acts only through its units"):
        attach(Tensordot(), PART, example=torch.randn(5, 4))


class Gained(nn.Module):
    """A layer, then gains for each unit, which a region at their output can always own."""

    def __init__(self, make):
        super().__init__()
        self.weight, self.make = nn.Parameter(torch.randn(6, 4)), make
        self.layer, self.act, self.out = make(self), nn.PReLU(6), nn.Linear(6, 2)

    def forward(self, x):
        h = self.layer(x, x) if isinstance(self.layer, nn.Bilinear) else self.layer(x)
        return self.out(self.act(h))


@pytest.mark.parametrize(
    "make",
    [
        lambda own: nn.Bilinear(4, 4, 6),
        lambda own: nn.GRUCell(4, 6),
        lambda own: parametrizations.orthogonal(nn.Linear(4, 6, bias=False)),
        lambda own: parametrizations.spectral_norm(nn.Linear(4, 6, bias=False)),
        lambda own: lambda x: torch.tensordot(x, own.weight.T, 1),
        lambda own: lambda x: torch.cdist(x, own.weight),
    ],
)
def test_a_region_that_owns_gains_alone_is_refused_where_what_makes_its_units_would_move(make):
    model = Gained(make)
    with pytest.raises(
        RoutingError, match=r"computes its units from .*, which may also act in other ways"
    ):
        attach(model, {"module": "act", "units": "0:3"}, example=torch.randn(5, 4))
    out = attach(model, {"module": "out", "units": "0:1"}, example=torch.randn(5, 4))
    assert owns(out).keys() == {"out.weight", "out.bias"}


def test_a_region_that_a_layer_makes_from_the_regions_own_units_is_refused():
    class Again(Custom):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(4, 4)
            self.fc2 = nn.Linear(4, 2)

        def forward(self, x):
            return super().forward(self.act(self.fc1(x)).sin())

    part = {"module": "fc1", "at": "input", "units": "0:2", "axis": 1}
    model = nn.Sequential(nn.Linear(3, 4), Again())
    with pytest.raises(RoutingError, match=r"linear computes its units from 1\.fc1\.weight"):
        attach(model, part | {"module": "1.fc1"}, example=torch.randn(5, 3))


@pytest.mark.parametrize(
    ("equation", "weight", "of"),
    [("bi,oi->bo", (6, 4), 0), ("bti,iho->btho", (4, 3, 2), 2), ("b t i, i o -> t b o", (4, 6), 1)],
)
def test_sums_of_products_by_einsum_own_the_rows_of_their_weight(equation, weight, of):
    class Einsum(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.act = nn.Parameter(torch.randn(weight)), nn.PReLU(1)
            self.out = nn.Linear(weight[of], 2)

        def forward(self, x):
            h = torch.einsum(equation, x, self.weight)
            h = h.transpose(0, 1) if equation.endswith("t b o") else h
            return self.out(self.act(h))

    model, shape = Einsum(), (5, 4) if "t" not in equation else (5, 3, 4)
    part = {"module": "act", "units": "0:1", "axis": -1}
    router = attach(model, part, example=torch.randn(shape))
    rows = torch.zeros(weight, dtype=torch.bool)
    rows.movedim(of, 0)[0] = True
    assert torch.equal(owns(router)["weight"], rows)
    assert set(largest_move(model, router, lambda: torch.randn(shape)).values()) == {0.0}


def test_an_embedding_that_rescales_itself_is_refused():
    model = nn.Sequential(nn.Embedding(7, 4, max_norm=0.5), nn.Linear(4, 2))
    with pytest.raises(RoutingError, match=r"changes its weight in every forward \(max_norm\)"):
        attach(model, {"module": "0", "units": "0:2"}, example=torch.randint(7, (3, 5)))


@pytest.mark.parametrize(
    "behind",
    [nn.Conv2d(6, 6, 1, groups=2), nn.GroupNorm(2, 6), nn.ConvTranspose2d(6, 6, 1, groups=2)],
)
def test_what_makes_a_whole_group_of_channels_rests_with_the_group(behind):
    model = nn.Sequential(nn.Conv2d(1, 6, 3), behind, nn.Conv2d(6, 1, 1))
    image = lambda: torch.randn(3, 1, 5, 5)  # noqa: E731  # a short word
    router = attach(model, {"module": "1", "units": "0:3"}, example=image())
    rows = torch.tensor([True] * 3 + [False] * 3)
    assert torch.equal(owns(router)["0.bias"], rows)
    assert torch.equal(owns(router)["0.weight"][:, 0, 0, 0], rows)
    assert set(largest_move(model, router, image).values()) == {0.0}
    less = attach(model, {"module": "1", "units": "0:2"}, example=image())
    assert "0.weight" not in owns(less)


def test_looking_for_ways_leaves_modes_buffers_gradients_and_random_states():
    class Counting(Custom):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros(()))

        def forward(self, x):
            if self.training:
                self.seen += 1
                x = x * torch.rand(())
            return super().forward(x)

    model, state = Counting(), torch.get_rng_state()
    model.fc2.eval()
    attach(model, PART, example=torch.randn(5, 4, generator=torch.Generator().manual_seed(0)))
    assert model.seen == 0
    assert model.training
    assert not model.fc2.training
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_time_before_batch_is_refused_where_an_example_cannot_tell_them_apart():
    class TimeMajor(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.out = nn.LSTM(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.out(self.rnn(x.transpose(0, 1))[0]).transpose(0, 1)

    part = {"module": "rnn", "element": 0, "axis": -1}
    with pytest.raises(RoutingError, match=r"batch on axis 1 \(batch_first=False\)"):
        attach(TimeMajor(), part, example=torch.randn(5, 5, 4))
    with pytest.raises(RoutingError, match="axis 0 of a routed tensor must be the batch"):
        attach(TimeMajor(), part, example=torch.randn(3, 5, 4))


@pytest.mark.parametrize(
    "part", [PART, {"module": "fc1", "at": "parameters", "units": "0:3"}], ids=["site", "weights"]
)
def test_a_module_that_is_replaced_behind_the_router_is_noticed(part):
    model, x = Custom(), torch.randn(5, 4)
    router = attach(model, part, example=x)
    setattr(model, part["module"], nn.Linear(6 if part is PART else 4, 6))
    with pytest.raises(RoutingError, match=f"{part['module']} was replaced since attach"):
        router.use(torch.ones(5, dtype=torch.long))


def test_a_compiled_model_is_refused_as_a_whole_and_in_parts():
    example = torch.randn(5, 4)
    for compiled in ("whole", "part", "in place"):
        model = Custom()
        if compiled == "part":
            model.fc1 = torch.compile(model.fc1, backend="eager")
        elif compiled == "in place":
            model.compile(backend="eager")
        else:
            model = torch.compile(model, backend="eager")
        with pytest.raises(RoutingError, match="is compiled already: attach before that"):
            routing.attach(model, {"regions": {"r": [PART]}, "rules": RULES}, example=example)


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.LBFGS])
def test_a_step_that_makes_its_gradients_itself_cannot_keep_regions_at_rest(make):
    model = Custom()
    router = attach(model, PART, example=torch.randn(5, 4))
    optimizer = make(model.parameters(), lr=0.1)
    routing.keep_resting(optimizer, model.named_parameters(), owned=router.owned())
    with pytest.raises(RoutingError, match="call step without a closure"):
        optimizer.step(lambda: F.relu(model(torch.randn(5, 4))).sum())


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], "labels must be a tensor, not a list"),
        (torch.ones(2, dtype=torch.uint8), r"-1 for unlabelled, not \[2\] of torch.uint8"),
        (torch.tensor(1), r"labels are integers \[B\], .*, not \[\] of"),
    ],
)
def test_labels_of_another_kind_are_refused_in_one_line(labels, message):
    model = Custom()
    router = attach(model, PART, example=torch.randn(5, 4))
    with pytest.raises(RoutingError, match=message):
        router.use(labels)
