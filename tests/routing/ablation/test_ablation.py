"""What an ablated network computes, against the same computed by hand."""

import copy

import pytest
import torch
from torch import nn

from chisel import routing
from chisel.models.mixture import Mixture
from chisel.routing import RoutingError, ablate, random_like, record_means, resolve


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def conv():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 25, 3)
    )


def regions_of(model, **parts):
    return resolve(model, {name: [part] for name, part in parts.items()})


X = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
IMAGE = torch.randn(5, 2, 5, 5, generator=torch.Generator().manual_seed(2))


def by_hand(model, change):
    """The output if `change` is done to the output of the first Tanh or ReLU."""
    children = list(model)
    hidden = children[1](children[0](X if isinstance(children[0], nn.Linear) else IMAGE))
    for child in children[2:]:
        hidden = child(change(hidden) if child is children[2] else hidden)
    return hidden


def changed(units, values):
    def change(hidden):
        hidden = hidden.clone()
        hidden[:, units] = values(hidden)[:, units]
        return hidden

    return change


@pytest.mark.parametrize("build", [mlp, conv])
@pytest.mark.parametrize(("mode", "factor"), [("zero", 0.0), (0.5, 0.5), (-2, -2.0), (1, 1.0)])
def test_zero_and_a_number_multiply_the_units(build, mode, factor):
    model = build()
    regions = regions_of(model, a={"module": "1", "units": "1:3"})
    with ablate(model, regions, {"a": mode}):
        out = model(X if build is mlp else IMAGE)
    expected = by_hand(model, changed([1, 2], lambda hidden: hidden * factor))
    torch.testing.assert_close(out, expected, rtol=0, atol=0)


@pytest.mark.parametrize("build", [mlp, conv])
def test_mean_replaces_units_by_their_mean_over_recorded_examples_and_positions(build):
    model = build()
    batch = X if build is mlp else IMAGE
    regions = regions_of(model, a={"module": "1", "units": "0,3"})

    def run():
        model(batch[:2])
        model(batch[2:])

    means = record_means(model, regions, run)
    hidden = model[1](model[0](batch)).double()
    expected = hidden.mean([axis for axis in range(hidden.dim()) if axis != 1]).float()
    torch.testing.assert_close(means["a"][0], expected[[0, 3]])
    with ablate(model, regions, {"a": "mean"}, means=means):
        out = model(batch)
    shape = (1, -1) if build is mlp else (1, -1, 1, 1)
    means_everywhere = expected.view(shape).expand_as(hidden)
    torch.testing.assert_close(out, by_hand(model, changed([0, 3], lambda _: means_everywhere)))


def test_resample_takes_the_units_of_one_other_example_for_all_parts():
    model = mlp()
    regions = resolve(model, {"a": [{"module": "1", "units": "0:2"}, {"module": "3"}]})
    generator = torch.Generator().manual_seed(3)
    seen = []
    with ablate(model, regions, {"a": "resample"}, generator=generator):
        handles = [model[i].register_forward_hook(lambda m, a, o: seen.append(o)) for i in (1, 3)]
        model(X)
        for handle in handles:
            handle.remove()
    clean = model[1](model[0](X))
    source = [
        next(i for i in range(5) if torch.equal(row[:2], clean[i, :2])) for row in seen[0].detach()
    ]
    assert sorted(source) == list(range(5))
    assert all(i != j for i, j in enumerate(source))
    assert torch.equal(seen[0][:, 2:], clean[:, 2:])
    mixed = clean.clone()
    mixed[:, :2] = clean[source, :2]
    torch.testing.assert_close(seen[1], model[3](model[2](mixed))[source])


def test_every_forward_pass_draws_new_examples_from_the_generator():
    model, regions = mlp(), regions_of(mlp(), a={"module": "1"})

    def outputs():
        generator = torch.Generator().manual_seed(0)
        with ablate(model, regions, {"a": "resample"}, generator=generator):
            return [model(X) for _ in range(4)]

    first, second = outputs(), outputs()
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert len({tuple(out.flatten().tolist()) for out in first}) > 1


def test_several_regions_at_outputs_inputs_and_parameters_are_ablated_at_once():
    model = mlp()
    regions = resolve(
        model,
        {
            "a": [{"module": "1", "units": "0:2"}],
            "b": [{"module": "2", "at": "input", "units": "4:6"}],
            "c": [{"module": "2", "at": "parameters", "units": "50%:100%"}],
        },
    )
    with ablate(model, regions, {"a": "zero", "b": 0.5, "c": "zero"}):
        out = model(X)
    hidden = model[1](model[0](X)).clone()
    hidden[:, :2] = 0
    hidden[:, 4:] *= 0.5
    hidden = model[2](hidden)
    hidden[:, 4:] = 0
    torch.testing.assert_close(out, model[4](torch.relu(hidden)))


def test_units_on_the_last_axis_of_tokens_are_ablated():
    model = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 2))
    tokens = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(0))
    regions = regions_of(model, a={"module": "0", "axis": -1, "units": "0:3"})
    with ablate(model, regions, {"a": "zero"}):
        out = model(tokens)
    hidden = model[0](tokens).clone()
    hidden[..., :3] = 0
    torch.testing.assert_close(out, model[1](hidden))


def test_a_gate_gives_an_ablated_experts_share_to_the_others():
    torch.manual_seed(0)
    experts = {name: nn.Linear(4, 6) for name in ("cheese", "corner", "wall")}
    model = nn.Sequential(Mixture(experts, nn.Linear(4, 3)), nn.Linear(6, 2))
    regions = resolve(
        model,
        {"corner": [{"module": "0.experts.corner"}, {"module": "0.gate", "units": "1"}]},
        example=X,
    )
    with ablate(model, regions, {"corner": "zero"}):
        out = model(X)
    shares = torch.softmax(model[0].gate_net(X)[:, [0, 2]], -1)
    left = shares[:, :1] * experts["cheese"](X) + shares[:, 1:] * experts["wall"](X)
    torch.testing.assert_close(out, model[1](left))


def test_ablation_ends_with_its_context_even_after_an_exception():
    model = mlp()
    regions = {"a": [{"module": "1", "units": "0:3"}]}
    router = routing.attach(model, {"regions": regions}, example=X)
    before = model(X)
    during = []

    def fail_inside():
        with ablate(model, router.regions, {"a": "zero"}):
            during.append(model(X))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert not torch.equal(during[0], before)
    assert torch.equal(model(X), before)
    assert all(len(module._forward_pre_hooks) == 0 for module in model.modules())


def test_gradients_pass_the_units_that_are_not_ablated():
    model = mlp()
    regions = regions_of(model, a={"module": "1", "units": "0:3"})
    with ablate(model, regions, {"a": "zero"}):
        model(X).sum().backward()
    assert model[0].weight.grad[:3].abs().max() == 0
    assert model[0].weight.grad[3:].abs().min() > 0


def test_a_compiled_network_is_ablated_too():
    model = mlp()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    regions = regions_of(model, a={"module": "1", "units": "0:3"})
    with torch.no_grad():
        before = compiled(X)
        with ablate(model, regions, {"a": "zero"}):
            expected = model(X)
            assert torch.equal(compiled(X), expected)
        with ablate(compiled, regions, {"a": "zero"}):
            assert torch.equal(compiled(X), expected)
        assert not torch.equal(before, expected)
        assert torch.equal(compiled(X), before)


def test_low_precision_keeps_the_other_units_bit_for_bit():
    model = mlp().bfloat16()
    regions = regions_of(model, a={"module": "1", "units": "0:3"})
    means = {"a": [torch.full((3,), 0.3)]}
    seen = []
    with ablate(model, regions, {"a": "mean"}, means=means):
        handle = model[1].register_forward_hook(lambda m, a, o: seen.append(o))
        model(X.bfloat16())
        handle.remove()
    clean = model[1](model[0](X.bfloat16()))
    assert seen[0].dtype == torch.bfloat16
    assert torch.equal(seen[0][:, 3:], clean[:, 3:])
    assert torch.equal(seen[0][:, :3], torch.full((5, 3), 0.3, dtype=torch.bfloat16))


@pytest.mark.parametrize(
    ("modes", "message"),
    [
        ({"b": "zero"}, "no region 'b'; known: a"),
        ({"a": "zeros"}, "a: 'zeros' is no ablation; give zero, mean, resample or a factor"),
        ({"a": float("nan")}, "nan is no ablation"),
        ({"a": True}, "True is no ablation"),
        ({"a": "mean"}, "no means of region a are given; record_means"),
        ({"a": "resample"}, "give ablate a generator"),
    ],
)
def test_impossible_ablations_are_refused_before_the_model_runs(modes, message):
    model = mlp()
    regions = regions_of(model, a={"module": "1", "units": "0:3"})
    with pytest.raises(RoutingError, match=message), ablate(model, regions, modes):
        pytest.fail("it began")


def test_a_batch_of_one_a_place_without_data_and_a_wrong_axis_are_refused():
    model = mlp()
    regions = regions_of(model, a={"module": "1", "units": "0:3"})
    generator = torch.Generator()
    with (
        ablate(model, regions, {"a": "resample"}, generator=generator),
        pytest.raises(RoutingError, match="batches of at least 2"),
    ):
        model(X[:1])
    with pytest.raises(RoutingError, match="no data passed 1 while"):
        record_means(model, regions, lambda: None)
    regions = regions_of(model, a={"module": "1", "units": "0:3", "axis": 1})
    with (
        ablate(model, regions, {"a": "zero"}),
        pytest.raises(RoutingError, match=r"the output of 1 has shape \[6\], not 6 units on axis"),
    ):
        model(X[0])


def residual_regions():
    """Channels 0:8 and 8:16 of 16 at three outputs, features on two separate layers, a gate."""
    return {
        name: routing.Region(
            name,
            tuple(
                routing.Part(module, at, tuple(units), 1, size) for module, at, units, size in parts
            ),
        )
        for name, parts in {
            "a": [(f"conv{i}", "output", range(8), 16) for i in range(3)]
            + [("expert_a", "output", range(32), 32), ("gate", "output", [0], 2)],
            "b": [(f"conv{i}", "output", range(8, 16), 16) for i in range(3)]
            + [("expert_b", "output", range(32), 32), ("gate", "output", [1], 2)],
        }.items()
    }


def residual_net():
    net = nn.Module()
    for i in range(3):
        net.add_module(f"conv{i}", nn.Identity())
    for name in ("expert_a", "expert_b", "gate"):
        net.add_module(name, nn.Identity())
    return net


def test_a_random_region_has_the_size_of_the_real_one_and_one_set_of_channels():
    regions, net = residual_regions(), residual_net()
    drawn = [
        random_like(regions, "a", net, torch.Generator().manual_seed(seed)) for seed in range(20)
    ]
    for control in drawn:
        units = {part.module: part.units for part in control.parts}
        assert "gate" not in units
        assert units["conv0"] == units["conv1"] == units["conv2"]
        assert len(set(units["conv0"])) == 8
        experts = [units.get(name, ()) for name in ("expert_a", "expert_b")]
        assert sum(len(set(chosen)) for chosen in experts) == 32
        assert all(0 < len(chosen) < 32 for chosen in experts)
    assert len(set(drawn)) == 20


def test_a_random_regions_units_are_uniform_over_all_units_of_all_regions():
    regions, net = residual_regions(), residual_net()
    generator = torch.Generator().manual_seed(0)
    counts = torch.zeros(16)
    for _ in range(400):
        control = random_like(regions, "b", net, generator)
        counts[list(next(part.units for part in control.parts if part.module == "conv1"))] += 1
    # Each is drawn 200 times of 400, with a standard deviation of 10.
    assert (counts - 200).abs().max() < 45
    assert counts.sum() == 400 * 8


def test_a_random_region_can_be_ablated_like_any_other():
    model = mlp()
    regions = regions_of(
        model, a={"module": "3", "units": "0:4"}, b={"module": "3", "units": "4:8"}
    )
    control = random_like(regions, "a", model, torch.Generator().manual_seed(0))
    assert control.name == "random:a"
    everything = {**regions, control.name: control}
    with ablate(model, everything, {"random:a": "zero"}):
        out = model(X)
    hidden = copy.deepcopy(model)[:4](X)
    hidden[:, list(control.parts[0].units)] = 0
    torch.testing.assert_close(out, model[4](hidden))


def test_a_control_needs_a_region_and_somewhere_to_draw_from():
    regions, net = residual_regions(), residual_net()
    with pytest.raises(RoutingError, match="no region 'c'; known: a, b"):
        random_like(regions, "c", net, torch.Generator())
    gate_only = {name: routing.Region(name, region.parts[-1:]) for name, region in regions.items()}
    with pytest.raises(RoutingError, match="no units in an activation with 8 units or more"):
        random_like(gate_only, "a", net, torch.Generator())


def test_a_region_with_all_units_of_its_places_has_no_control_unless_another_is_as_large():
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 8))
    alone = regions_of(model, a={"module": "2"})
    with pytest.raises(RoutingError, match="region a has all the units"):
        random_like(alone, "a", model, torch.Generator())
    shared = regions_of(model, a={"module": "2"}, b={"module": "0", "units": "0:4"})
    control = random_like(shared, "a", model, torch.Generator().manual_seed(0))
    assert {part.module for part in control.parts} == {"0", "2"}


def test_with_gates_a_control_has_a_random_unit_of_the_gate():
    """As many as the region; which one is drawn, so that in the long run it is each."""
    regions = {
        name: routing.Region(
            name,
            (
                routing.Part(f"expert{name}", "output", tuple(range(16)), 1, 16),
                routing.Part("gate", "output", (unit,), 1, 2),
            ),
        )
        for unit, name in enumerate("ab")
    }
    modules = {"experta": nn.Linear(4, 16), "expertb": nn.Linear(4, 16)}
    model = nn.ModuleDict(modules | {"gate": nn.Linear(4, 2)})
    generator, drawn = torch.Generator().manual_seed(0), []
    for _ in range(40):
        control = random_like(regions, "a", model, generator, gates=True)
        drawn += [part.units for part in control.parts if part.module == "gate"]
        assert sum(len(part.units) for part in control.parts if part.module != "gate") == 16
    assert len(drawn) == 40
    assert 10 <= drawn.count((0,)) <= 30
    plain = random_like(regions, "a", model, generator)
    assert all(part.module != "gate" for part in plain.parts)
