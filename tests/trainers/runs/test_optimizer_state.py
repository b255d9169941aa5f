"""Restored moments belong to the elements they were saved for, whatever the memory layout."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from chisel import routing
from chisel.trainers.runs.optimizer_state import keep_layout
from tests.trainers.conftest import EXPERTS, make_ppo

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def network(seed):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, (1, 3)), nn.Flatten(), nn.Linear(32, 2)
    )


def adam(model):
    return keep_layout(torch.optim.Adam(model.parameters(), lr=0.01, fused=True))


def decayed(model):
    return keep_layout(torch.optim.AdamW(model.parameters(), lr=0.01, amsgrad=True))


def momentum(model):
    return keep_layout(torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9))


def routed(model):
    """A region of two output channels, one of a column, and one of scattered elements."""
    rows = torch.zeros_like(model[0].weight, dtype=torch.bool)
    rows[1:3] = True
    column = torch.zeros_like(model[1].weight, dtype=torch.bool)
    column[:, 2] = True
    count = model[1].weight.numel()
    scattered = (torch.arange(count) % 5 == 0).view(model[1].weight.shape)
    owned = {"0.weight": {"a": rows}, "1.weight": {"b": column, "c": scattered}}
    return routing.RoutedAdam(model.named_parameters(), lr=0.01, owned=owned)


def step(model, optimizer, seed):
    images = torch.randn(5, 3, 6, 8, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    model(images).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize("make", [adam, decayed, momentum, routed])
@settings(max_examples=8, deadline=None)
@given(
    saved=st.sampled_from(sorted(LAYOUTS)),
    loaded=st.sampled_from(sorted(LAYOUTS)),
    seed=st.integers(0, 99),
)
def test_a_step_after_loading_is_the_step_without_it_in_any_layout(make, saved, loaded, seed):
    model = network(seed).to(memory_format=LAYOUTS[saved])
    optimizer = make(model)
    step(model, optimizer, 0)
    step(model, optimizer, 1)
    other = network(seed + 1).to(memory_format=LAYOUTS[loaded])
    other.load_state_dict(model.state_dict())
    again = make(other)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for one, two in ((model, optimizer), (other, again)):
        step(one, two, 2)
    for parameter, twin in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(parameter, twin, rtol=0, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"routing": EXPERTS}], ids=["plain", "routed"])
def test_every_agents_optimiser_takes_over_the_layout_of_its_parameters(options):
    module = make_ppo(**options)
    module.model.to(memory_format=torch.channels_last)
    optimizer = module.configure_optimizers()
    for parameter in module.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    module.model.to(memory_format=torch.contiguous_format)
    again = module.configure_optimizers()
    again.load_state_dict(optimizer.state_dict())
    for parameter, state in again.state.items():
        assert state["exp_avg"].stride() == parameter.stride() == state["exp_avg_sq"].stride()


def test_moments_of_another_shape_are_refused():
    one, two = nn.Linear(3, 2), nn.Linear(2, 3)
    for model in (one, two):
        model.weight.grad, model.bias.grad = torch.ones_like(model.weight), None
    optimizer = adam(one)
    optimizer.step()
    with pytest.raises(ValueError, match=r"\[2, 3\].*\[3, 2\]"):
        adam(two).load_state_dict(optimizer.state_dict())
