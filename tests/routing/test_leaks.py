"""Ways around the masks are found, and only where there are any."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from chisel import routing
from chisel.configs import ExpertsConfig, ImpalaConfig
from chisel.models import Spaces, build
from chisel.routing import RoutedAdam, RoutingError, leaks, moved, resolve, snapshot

SPACES = Spaces((9, 9, 3), "uint8", 255.0, 4)
IMAGES = torch.randint(
    0, 256, (4, 3, 9, 9), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
)
X = torch.randn(8, 4, generator=torch.Generator().manual_seed(1))


def summary(found):
    return {(leak.kind, leak.region, leak.where) for leak in found}


def net(norm=None):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 6), nn.ReLU(), *([norm] if norm else []), nn.Linear(6, 5), nn.Linear(5, 2)
    )


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(6), nn.BatchNorm1d(6, affine=False)])
def test_a_mask_before_batch_norm_is_reported(norm):
    model = net(norm)
    regions = resolve(model, {"r": [{"module": "1", "consumers": ["3"]}]})
    found = [leak for leak in leaks(model, regions, X) if leak.kind == "mixing"]
    assert summary(found) == {("mixing", "r", "the output of 1")}
    assert (
        "through other examples: BatchNorm (2) mixes examples; GroupNorm and LayerNorm don't"
        in str(found[0])
    )


@pytest.mark.parametrize("norm", [nn.LayerNorm(6), nn.GroupNorm(2, 6), nn.Identity()])
def test_norms_that_keep_examples_apart_are_no_mixing(norm):
    model = net(norm)
    regions = resolve(model, {"r": [{"module": "1", "units": "0:3", "consumers": ["3"]}]})
    assert not [leak for leak in leaks(model, regions, X) if leak.kind in ("mixing", "path")]


def test_a_batch_norm_behind_other_layers_mixes_too_and_one_before_the_mask_does_not():
    late = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.BatchNorm1d(5))
    regions = resolve(late, {"r": [{"module": "1", "consumers": ["2"]}]})
    assert {kind for kind, *_ in summary(leaks(late, regions, X))} == {"mixing"}
    early = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 5))
    regions = resolve(early, {"r": [{"module": "2", "consumers": ["3"]}]})
    assert leaks(early, regions, X) == []


def test_mixing_by_an_unknown_module_is_found_by_its_gradient():
    class Centred(nn.Module):
        def forward(self, x):
            return x - x.mean(0)

    model = nn.Sequential(nn.Linear(4, 6), Centred(), nn.Linear(6, 2))
    regions = resolve(model, {"r": [{"module": "0", "consumers": ["2"]}]})
    found = leaks(model, regions, X)
    assert "mixing" in {leak.kind for leak in found}
    assert any("something mixes examples" in str(leak) for leak in found)


def test_a_frozen_batch_norm_does_not_mix():
    class Frozen(nn.BatchNorm1d):
        def train(self, mode=True):
            return super().train(False)

    model = net(Frozen(6, affine=False))
    regions = resolve(model, {"r": [{"module": "1", "consumers": ["3"]}]})
    assert leaks(model, regions, X) == []


def test_heads_that_read_masked_units_unmasked_are_named_with_the_remedy():
    model = build(ImpalaConfig(channels=(4,), hidden=8), SPACES)
    part = {"module": "embedder.relufc", "units": "0:4"}
    found = leaks(model, resolve(model, {"r": [part]}), IMAGES)
    assert summary(found) == {("reader", "r", "fc_policy"), ("reader", "r", "fc_value")}
    assert all(f"add consumers: [{leak.where}] to the part" in str(leak) for leak in found)
    one = resolve(model, {"r": [part | {"consumers": ["fc_value"]}]})
    assert summary(leaks(model, one, IMAGES)) == {("reader", "r", "fc_policy")}
    both = resolve(model, {"r": [part | {"consumers": ["fc_value", "fc_policy"]}]})
    assert leaks(model, both, IMAGES) == []


def test_readers_behind_a_residual_sum_and_a_flatten_are_found():
    model = build(ImpalaConfig(channels=(4,), hidden=8), SPACES)
    regions = resolve(model, {"r": [{"module": "embedder.block1.res1.conv2", "units": "1"}]})
    readers = {leak.where for leak in leaks(model, regions, IMAGES) if leak.kind == "reader"}
    assert readers == {"embedder.block1.res2.conv1", "embedder.fc"}


def test_layers_inside_a_region_may_read_it():
    """Every element of the branch's second convolution belongs to one of the two halves.

    Behind the sum, two layers read both; the advice names the part that is nearest.
    """
    model = build(ImpalaConfig(channels=(4,), hidden=8), SPACES)
    inner = "embedder.block1.res1"
    halves = {
        name: [
            {"module": f"{inner}.conv1", "units": units},
            {"module": f"{inner}.conv2", "units": units},
            {"module": f"{inner}.resadd", "units": units},
        ]
        for name, units in (("a", "0:2"), ("b", "2:4"))
    }
    found = {
        (leak.region, leak.where): str(leak)
        for leak in leaks(model, resolve(model, halves), IMAGES)
    }
    assert set(found) == {
        (half, name) for half in "ab" for name in ("embedder.block1.res2.conv1", "embedder.fc")
    }
    assert all(f"to the part {inner}.resadd, or" in message for message in found.values())


def test_readers_whose_output_is_masked_do_not_count_as_learning():
    """Of the rows behind region r, only the one in no region learns from what is routed away."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    regions = resolve(
        model, {"r": [{"module": "1"}], "s": [{"module": "3", "units": "0:3", "consumers": ["4"]}]}
    )
    found = [str(leak) for leak in leaks(model, regions, X) if leak.region == "r"]
    assert len(found) == 1
    assert (
        "2.weight reads units of region r and 25% of the elements that read them learn" in found[0]
    )


def test_a_norm_behind_a_mask_has_gains_of_its_own():
    model = net(nn.LayerNorm(6))
    regions = resolve(model, {"r": [{"module": "1", "units": "0:3"}]})
    assert ("reader", "r", "2") in summary(leaks(model, regions, X))


def test_a_head_behind_a_mixture_is_shared_by_all_experts():
    config = ExpertsConfig(experts=("cheese", "corner"), channels=(4,), hidden=6)
    model = build(config, SPACES)
    regions = resolve(model, {"corner": [{"module": "embedder.experts.corner"}]})
    found = leaks(model, regions, IMAGES)
    assert summary(found) == {("reader", "corner", "fc_policy"), ("reader", "corner", "fc_value")}
    assert all("mixed with others by stack in embedder" in str(leak) for leak in found)


def test_tied_weights_are_reported():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 2))
    model[2].weight = model[0].weight
    regions = resolve(model, {"r": [{"module": "0", "units": "0:2", "consumers": ["2"]}]})
    found = {leak.kind: str(leak) for leak in leaks(model, regions, X)}
    assert "0.weight of region r is also 2.weight" in found["tied"]
    assert "path" in found


def test_a_way_without_a_mask_is_found_by_its_gradient():
    class Twice(nn.Module):
        """The same layer is used through its module and past it."""

        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 2)

        def forward(self, x):
            return self.b(torch.relu(self.a(x)) + F.linear(x, self.a.weight))

    model = Twice()
    regions = resolve(model, {"r": [{"module": "a", "units": "0:3", "consumers": ["b"]}]})
    found = leaks(model, regions, X)
    assert summary(found) == {("path", "r", "a.weight")}


def test_the_report_leaves_model_and_generators_as_they_were():
    model = nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.ReLU(), nn.Linear(6, 2)
    )
    router = routing.attach(
        model, {"regions": {"r": [{"module": "3"}]}, "rules": {"x": {"r": 0.5}}}
    )
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    leaks(model, router.regions, X)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_an_example_without_a_batch_and_an_output_without_one_are_refused():
    model = net()
    regions = resolve(model, {"r": [{"module": "1"}]})
    with pytest.raises(RoutingError, match="batch of at least 2"):
        leaks(model, regions, X[:1])
    scalar = nn.Sequential(net(), nn.Flatten(0))
    with pytest.raises(RoutingError, match=r"returns tensors \[B, …\]"):
        leaks(scalar, resolve(scalar, {"r": [{"module": "0.1"}]}), X)


@pytest.mark.parametrize("frozen", [True, False], ids=["routed adam", "torch's adam"])
def test_moved_is_zero_for_a_closed_region_under_routed_adam_only(frozen):
    model = net()
    router = routing.attach(
        model,
        {
            "regions": {
                "r": [{"module": "1", "units": "0:3", "consumers": ["2"]}],
                "s": [{"module": "1", "units": "3:6", "consumers": ["2"]}],
            },
            "rules": {"r": {"s": 0}, "s": {"r": 0}},
        },
    )
    owned = router.owned()
    if frozen:
        optimizer = RoutedAdam(model.named_parameters(), lr=0.01, weight_decay=0.1, owned=owned)
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=0.1)

    def train(label, steps):
        for _ in range(steps):
            with router.labels(torch.full((8,), label)):
                loss = (model(X) - X[:, :2]).square().mean()
                optimizer.zero_grad()
                loss.backward()
            optimizer.step()

    train(0, 5)
    train(1, 5)
    before = snapshot(model)
    train(0, 20)
    changes = moved(model, before, owned)
    assert set(changes) == {"r", "s", "shared"}
    assert set(changes["s"]) == {"0.weight", "0.bias", "2.weight"}
    assert (max(changes["s"].values()) == 0) is frozen
    assert min(changes["r"].values()) > 0
    assert set(changes["shared"]) == {"2.bias", "3.weight", "3.bias"}
    assert changes["shared"]["3.bias"] == (model[3].bias - before["3.bias"]).abs().max().item()
