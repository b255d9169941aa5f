"""A region without gradient rests: values, moments, clock and decay."""

import copy
import io
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from chisel import routing
from chisel.routing import RoutedAdam

SHAPES = {
    "rows": (6, 4),
    "columns": (5, 6),
    "whole": (3,),
    "scattered": (4, 3, 2),
    "crossed": (5, 5),
    "free": (7,),
}


def masks():
    """Regions a and b: rows, columns, a whole parameter, elements anywhere, rows across columns."""
    made = {name: torch.zeros(2, *shape, dtype=torch.bool) for name, shape in SHAPES.items()}
    made["rows"][0, :2], made["rows"][1, 2:5] = True, True
    made["columns"][0, :, 1:3], made["columns"][1, :, 3:] = True, True
    made["whole"][0] = True
    made["scattered"][0].view(-1)[::3], made["scattered"][1].view(-1)[1::3] = True, True
    made["crossed"][0, :3], made["crossed"][1, :, 2:4] = True, True
    return {
        name: {region: mask for region, mask in zip("ab", pair, strict=True) if mask.any()}
        for name, pair in made.items()
        if pair.any()
    }


def parameters(seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: nn.Parameter(torch.randn(shape, generator=generator, dtype=dtype))
        for name, shape in SHAPES.items()
    }


def gradients(label, generator, dtype=torch.float64):
    """What routing leaves: zero in the regions that are not named in `label`."""
    found = {}
    for name, shape in SHAPES.items():
        found[name] = torch.randn(shape, generator=generator, dtype=dtype)
        for region, mask in masks().get(name, {}).items():
            found[name][mask] *= region in label
    return found


def give(values, grads):
    for name, parameter in values.items():
        parameter.grad = grads[name].clone()


def has_gradient(region, grads):
    own = {name: found[region] for name, found in masks().items() if region in found}
    return any(float(g) != 0 for name, mask in own.items() for g in grads[name][mask])


def transcription(values, all_gradients, *, lr, betas, eps, weight_decay, decoupled):
    """Adam for one element after the other, in plain numbers, each region with its own clock."""
    regions = masks()
    for name, parameter in values.items():
        flat = parameter.detach().view(-1)
        owners = [[] for _ in range(flat.numel())]
        for region, mask in regions.get(name, {}).items():
            for index in mask.flatten().nonzero()[:, 0].tolist():
                owners[index].append(region)
        for index in range(flat.numel()):
            value, m, v, t = float(flat[index]), 0.0, 0.0, 0
            for grads in all_gradients:
                if not all(has_gradient(owner, grads) for owner in owners[index]):
                    continue
                gradient = float(grads[name].view(-1)[index])
                if decoupled:
                    value -= lr * weight_decay * value
                else:
                    gradient += weight_decay * value
                t += 1
                m = betas[0] * m + (1 - betas[0]) * gradient
                v = betas[1] * v + (1 - betas[1]) * gradient**2
                unbiased, spread = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
                value -= lr * unbiased / (math.sqrt(spread) + eps)
            flat[index] = value


@pytest.mark.parametrize("decoupled", [False, True], ids=["adam", "adamw"])
def test_every_element_moves_as_in_a_transcription_with_a_clock_per_region(decoupled):
    generator = torch.Generator().manual_seed(1)
    labels = ["ab", "a", "a", "b", "", "ab", "b", "a", "b", "b", "ab"]
    every = [gradients(label, generator) for label in labels]
    options = {"lr": 0.01, "betas": (0.8, 0.9), "eps": 1e-6, "weight_decay": 0.1}
    ours, expected = parameters(), parameters()
    optimizer = RoutedAdam(ours.items(), **options, decoupled_weight_decay=decoupled, owned=masks())
    for grads in every:
        give(ours, grads)
        optimizer.step()
    transcription(expected, every, **options, decoupled=decoupled)
    for name in SHAPES:
        torch.testing.assert_close(ours[name], expected[name], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("decoupled", [False, True], ids=["adam", "adamw"])
def test_without_regions_it_is_torchs_fused_adam_bit_for_bit(decoupled):
    ours, theirs = parameters(dtype=torch.float32), parameters(dtype=torch.float32)
    options = {"lr": 0.01, "eps": 1e-5, "weight_decay": 0.1, "decoupled_weight_decay": decoupled}
    pair = (
        (ours, RoutedAdam(ours.values(), **options)),
        (theirs, torch.optim.Adam(theirs.values(), fused=True, **options)),
    )
    for number in range(20):
        for values, optimizer in pair:
            grads = gradients("ab", torch.Generator().manual_seed(number), torch.float32)
            give(values, grads)
            if number % 3 == 0:
                values["free"].grad = None
            optimizer.param_groups[0]["lr"] = 0.01 / (1 + number)
            optimizer.step()
    for name in SHAPES:
        assert torch.equal(ours[name], theirs[name])
    ours_state, theirs_state = (optimizer.state_dict()["state"] for _, optimizer in pair)
    for index, state in theirs_state.items():
        assert set(state) == set(ours_state[index])
        assert all(torch.equal(state[key], ours_state[index][key]) for key in state)


def test_while_every_region_gets_gradient_it_is_torchs_fused_adam_bit_for_bit():
    ours, theirs = parameters(dtype=torch.float32), parameters(dtype=torch.float32)
    routed = RoutedAdam(ours.items(), weight_decay=0.1, owned=masks())
    plain = torch.optim.Adam(theirs.values(), weight_decay=0.1, fused=True)
    for number in range(10):
        for values, optimizer in ((ours, routed), (theirs, plain)):
            give(values, gradients("ab", torch.Generator().manual_seed(number), torch.float32))
            optimizer.step()
    assert all(torch.equal(ours[name], theirs[name]) for name in SHAPES)


@given(st.lists(st.sampled_from(["ab", "a", "b", ""]), max_size=12), st.booleans())
@settings(max_examples=25, deadline=None)
def test_steps_without_gradient_leave_a_region_as_if_they_had_not_happened(labels, decoupled):
    """What is a's alone after all steps equals that after only those that were for a.

    Up to rounding: what moves together with its neighbours lies elsewhere in the kernel's vectors,
    and the last elements of a vector are computed without fused multiply-add.
    """

    def after(only_for_a):
        values = parameters()
        optimizer = RoutedAdam(
            values.items(),
            lr=0.1,
            weight_decay=0.3,
            decoupled_weight_decay=decoupled,
            owned=masks(),
        )
        for number, label in enumerate(labels):
            if "a" in label or not only_for_a:
                give(values, gradients(label, torch.Generator().manual_seed(number)))
                optimizer.step()
        return values

    everything, alone = after(False), after(True)
    for name, regions in masks().items():
        mine = regions["a"] & ~regions.get("b", torch.tensor(False))
        torch.testing.assert_close(
            everything[name][mine], alone[name][mine], rtol=1e-11, atol=1e-12
        )


class Halves(nn.Module):
    """Two trunks and a shared head whose columns belong to the trunk that they read."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.head = nn.Linear(6, 5), nn.Linear(6, 5), nn.Linear(10, 2)

    def forward(self, x, label=None):
        a, b = torch.tanh(self.a(x)), torch.tanh(self.b(x))
        wa, wb = self.head.weight.split(5, dim=1)
        if label == "a":
            b, wb = b.detach(), wb.detach()
        elif label == "b":
            a, wa = a.detach(), wa.detach()
        return a @ wa.T + b @ wb.T + self.head.bias

    def owned(self):
        columns = torch.zeros(2, 10, dtype=torch.bool)
        columns[:, :5] = True
        whole = {
            f"{r}.{n}": {r: torch.ones_like(p, dtype=torch.bool)}
            for r in "ab"
            for n, p in getattr(self, r).named_parameters()
        }
        return whole | {"head.weight": {"a": columns, "b": ~columns}}


@pytest.mark.parametrize("decoupled", [False, True], ids=["adam", "adamw"])
def test_a_thousand_steps_on_one_label_leave_the_other_regions_bytes_alone(decoupled):
    model = Halves()
    optimizer = RoutedAdam(
        model.named_parameters(),
        lr=0.01,
        weight_decay=0.1,
        decoupled_weight_decay=decoupled,
        owned=model.owned(),
    )
    generator = torch.Generator().manual_seed(1)

    def train(labels):
        for label in labels:
            x = torch.randn(16, 6, generator=generator)
            loss = (model(x, label) - x[:, :2]).square().mean()
            optimizer.zero_grad(set_to_none=False)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()

    def held(region):
        tensors = {}
        for name, regions in model.owned().items():
            parameter = model.get_parameter(name)
            moments = [optimizer.state[parameter][key] for key in ("exp_avg", "exp_avg_sq")]
            for key, tensor in zip(("value", "m", "v"), (parameter, *moments), strict=True):
                if region in regions:
                    tensors[name, key] = tensor.detach()[regions[region]].numpy().tobytes()
        return tensors

    train([None, "a", "b"] * 20)
    a, b, bias = held("a"), held("b"), model.head.bias.detach().clone()
    train(["a"] * 1000)
    assert held("b") == b
    assert not set(held("a").items()) & set(a.items())
    assert not torch.equal(model.head.bias, bias)


def test_torchs_adam_moves_elements_whose_gradient_is_zero():
    """The control: the same zero gradients under torch's own Adam."""
    values = parameters()
    optimizer = torch.optim.Adam(values.values(), lr=0.01)
    give(values, gradients("ab", torch.Generator().manual_seed(0)))
    optimizer.step()
    before = values["rows"].detach().clone()
    give(values, gradients("b", torch.Generator().manual_seed(1)))
    optimizer.step()
    assert (values["rows"] - before)[:2].abs().min() > 1e-4


def test_weights_that_are_not_contiguous_move_like_those_that_are():
    shape = (4, 6, 3, 3)
    mask = torch.zeros(shape, dtype=torch.bool)
    mask[1:3] = True
    columns = torch.zeros(shape, dtype=torch.bool)
    columns[:1, 2:5] = True
    start, results = torch.randn(shape, generator=torch.Generator().manual_seed(0)), []
    for layout in (torch.contiguous_format, torch.channels_last):
        weight = nn.Parameter(start.clone(memory_format=layout))
        optimizer = RoutedAdam([("w", weight)], lr=0.1, owned={"w": {"a": mask, "b": columns}})
        for number in range(6):
            weight.grad = torch.randn(shape, generator=torch.Generator().manual_seed(number))
            weight.grad[mask if number % 2 else columns] = 0
            optimizer.step()
        results.append(weight.detach().contiguous())
    torch.testing.assert_close(results[0], results[1], rtol=1e-6, atol=1e-7)
    assert not torch.equal(results[0], start)


def test_training_goes_on_bit_for_bit_from_a_saved_state():
    def made():
        values = parameters(dtype=torch.float32)
        return values, RoutedAdam(values.items(), lr=0.1, weight_decay=0.1, owned=masks())

    def train(values, optimizer, first, last):
        for number in range(first, last):
            label = ("ab", "a", "b", "")[number % 4]
            give(values, gradients(label, torch.Generator().manual_seed(number), torch.float32))
            optimizer.step()

    straight = made()
    train(*straight, 0, 20)
    stopped = made()
    train(*stopped, 0, 9)
    file = io.BytesIO()
    torch.save((dict(stopped[0]), stopped[1].state_dict()), file)
    file.seek(0)
    weights, state = torch.load(file, weights_only=True)
    resumed = made()
    for name, parameter in resumed[0].items():
        parameter.data.copy_(weights[name])
    resumed[1].load_state_dict(state)
    train(*resumed, 9, 20)
    for name in SHAPES:
        assert torch.equal(straight[0][name], resumed[0][name])


def test_a_deep_copy_keeps_its_regions():
    values = parameters()
    optimizer = RoutedAdam(values.items(), owned=masks())
    twins, twin = copy.deepcopy((values, optimizer))
    before = twins["rows"].detach().clone()
    give(twins, gradients("b", torch.Generator().manual_seed(0)))
    twin.step()
    assert torch.equal(twins["rows"][:2], before[:2])
    assert not torch.equal(twins["rows"], before)


def test_resetting_a_regions_state_leaves_the_others():
    values = parameters()
    optimizer = RoutedAdam(values.items(), lr=0.1, owned=masks())
    for number in range(5):
        give(values, gradients("ab", torch.Generator().manual_seed(number)))
        optimizer.step()
    kept = optimizer.state[values["columns"]]["exp_avg"].clone()
    optimizer.reset_state("a")
    now = {name: value.detach().clone().requires_grad_() for name, value in values.items()}
    fresh = RoutedAdam(now.items(), lr=0.1, owned=masks())
    assert torch.equal(optimizer.state[values["columns"]]["exp_avg"][:, 3:], kept[:, 3:])
    for either in (values, now):
        give(either, gradients("ab", torch.Generator().manual_seed(9)))
    optimizer.step()
    fresh.step()
    for name, regions in masks().items():
        mine, theirs = values[name], now[name]
        torch.testing.assert_close(mine[regions["a"]], theirs[regions["a"]], rtol=1e-12, atol=0)
        others = regions.get("b", regions["a"]) & ~regions["a"]
        assert not others.any() or not torch.allclose(mine[others], theirs[others])


def test_a_region_without_any_gradient_tensor_rests_and_a_nan_is_a_gradient():
    values = parameters()
    optimizer = RoutedAdam(values.items(), owned=masks())
    assert optimizer.regions_with_gradient() == set()
    give(values, gradients("", torch.Generator()))
    assert optimizer.regions_with_gradient() == set()
    values["whole"].grad[1] = math.nan
    assert optimizer.regions_with_gradient() == {"a"}


def test_a_closure_is_evaluated_with_gradients_on():
    values = parameters()
    optimizer = RoutedAdam(values.items(), owned=masks())

    def closure():
        optimizer.zero_grad()
        loss = sum(value.square().sum() for value in values.values())
        loss.backward()
        return float(loss.detach())

    assert optimizer.step(closure) == pytest.approx(closure(), rel=0.01)


@pytest.mark.parametrize(
    ("owned", "message"),
    [
        ({"row": {"a": torch.ones(6, 4, dtype=torch.bool)}}, "'row'; did you mean 'rows'"),
        ({"rows": {"a": torch.ones(4, 6, dtype=torch.bool)}}, r"'a' in rows has shape \[4, 6\]"),
    ],
)
def test_masks_that_do_not_fit_are_refused(owned, message):
    with pytest.raises(routing.RoutingError, match=message):
        RoutedAdam(parameters().items(), owned=owned)


def test_masks_need_named_parameters_and_numbers_a_range():
    with pytest.raises(routing.RoutingError, match=r"model\.named_parameters"):
        RoutedAdam(parameters().values(), owned=masks())
    for bad in ({"lr": -1}, {"betas": (0.9, 1.0)}, {"eps": math.nan}, {"weight_decay": -0.1}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            RoutedAdam(parameters().values(), **bad)


def test_state_of_other_regions_and_unknown_names_are_refused():
    values = parameters()
    plain, routed = RoutedAdam(values.items()), RoutedAdam(values.items(), owned=masks())
    give(values, gradients("ab", torch.Generator()))
    plain.step()
    with pytest.raises(routing.RoutingError, match="has none there and a, b here"):
        routed.load_state_dict(plain.state_dict())
    with pytest.raises(routing.RoutingError, match="no region 'c' owns elements here; there are a"):
        routed.reset_state("c")


def test_a_sparse_gradient_is_refused_before_anything_moves():
    dense, table = torch.nn.Linear(2, 2), torch.nn.Embedding(5, 2, sparse=True)
    groups = [{"params": list(dense.parameters())}, {"params": list(table.parameters())}]
    optimizer = RoutedAdam(groups, lr=0.1)
    before = [value.detach().clone() for value in dense.parameters()]
    dense(table(torch.tensor([1, 2]))).sum().backward()
    with pytest.raises(routing.RoutingError, match="takes no sparse gradients: set sparse=False"):
        optimizer.step()
    assert all(map(torch.equal, dense.parameters(), before))
