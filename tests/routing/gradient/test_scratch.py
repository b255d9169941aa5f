"""Memory for masked gradients that is used again."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from chisel.routing.gradient import scratch
from chisel.routing.gradient.mask import scale_gradient

HOLDERS: list[Callable[[Tensor], Any]] = [
    lambda x: x,
    lambda x: x.detach(),
    lambda x: x.view(-1)[5:50],
    lambda x: x.numpy()[:3],
    lambda x: memoryview(x.numpy()),
    lambda x: nn.Parameter(x),
]
"""Ways to keep what a tensor's memory holds."""


def _content(held: Any) -> list[float]:
    held = held.detach().numpy() if isinstance(held, Tensor) else np.asarray(held)
    first: list[float] = held.ravel()[:3].tolist()
    return first


@pytest.fixture(autouse=True)
def _no_block() -> None:
    scratch._kept.clear()


def _asked(*shape: int) -> Tensor:
    """Ask for memory as a backward pass does."""
    with torch.no_grad():
        found = scratch.like(torch.empty(*shape))
    assert found is not None
    return found


def test_memory_that_nobody_holds_is_used_again() -> None:
    first = _asked(64, 1024)
    place = first.data_ptr()
    del first
    assert _asked(64, 1024).data_ptr() == place
    assert _asked(48, 1024).data_ptr() == place


@pytest.mark.parametrize("seed", range(20))
def test_memory_that_anyone_holds_in_any_way_is_never_written(seed: int) -> None:
    draw = random.Random(seed)
    held: list[tuple[Any, list[float]]] = []
    for step in range(60):
        made = _asked(draw.choice([40, 64, 70]), 1024).fill_(step)
        if draw.random() < 0.4:
            kept = draw.choice(HOLDERS)(made)
            held.append((kept, _content(kept)))
            del kept
        if held and draw.random() < 0.3:
            held.pop(draw.randrange(len(held)))
        del made
        assert all(_content(kept) == content for kept, content in held)


def _gradients(kept: list[Tensor], steps: int, channels_last: bool) -> list[Tensor]:
    """Train a stack with a masked gradient behind every layer; return what is left at its end."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(8, 8, 3, padding=1) for _ in range(3)]
    x = torch.randn(16, 8, 32, 32, requires_grad=True)
    h = x.to(memory_format=torch.channels_last) if channels_last else x
    mask = torch.rand(16, 8, 1, 1)
    for _ in range(steps):
        y = h
        for layer in layers:
            y = scale_gradient(layer(scale_gradient(y, mask)), mask)
            y.register_hook(kept.append)
        y.square().mean().backward(retain_graph=True)
    assert x.grad is not None
    return [x.grad, *(p.grad for layer in layers for p in layer.parameters() if p.grad is not None)]


@pytest.mark.parametrize("channels_last", [False, True])
def test_gradients_and_what_hooks_keep_are_those_of_fresh_memory(
    channels_last: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Tensor] = []
    again = _gradients(kept, 3, channels_last)
    monkeypatch.setattr(scratch, "like", lambda x: None)
    fresh_kept: list[Tensor] = []
    fresh = _gradients(fresh_kept, 3, channels_last)
    for mine, other in zip([*again, *kept], [*fresh, *fresh_kept], strict=True):
        assert torch.equal(mine, other)
        assert mine.stride() == other.stride()


def test_backward_passes_of_many_threads_do_not_write_into_each_other() -> None:
    def work(number: int) -> bool:
        x = torch.randn(64, 1024, requires_grad=True)
        for _ in range(30):
            x.grad = None
            scale_gradient(x, torch.full((64, 1), float(number))).sin().sum().backward()
            assert x.grad is not None
            if not torch.equal(x.grad, x.detach().cos() * number):
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(1, 9)))


def test_gradients_of_gradients_and_batched_gradients_are_exact() -> None:
    x = torch.randn(64, 1024, dtype=torch.float64, requires_grad=True)
    mask = torch.rand(64, 1, dtype=torch.float64)
    (first,) = torch.autograd.grad(scale_gradient(x, mask).pow(3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert torch.allclose(second, 6 * x * mask**2)
    along = torch.randn(5, 64, 1024, dtype=torch.float64)
    (many,) = torch.autograd.grad(scale_gradient(x, mask), x, along, is_grads_batched=True)
    assert torch.equal(many, along * mask)


def test_small_tensors_and_those_without_memory_of_their_own_get_fresh_memory() -> None:
    with torch.no_grad():
        assert scratch.like(torch.empty(8)) is None
        assert scratch.like(torch.empty(1024, 1024, device="meta")) is None
        assert scratch.like(torch.empty(1024, 1024).t()[:, ::2]) is None
    assert scratch.like(torch.empty(1024, 1024)) is None  # a graph is being recorded
    gc.collect()
    assert not scratch._kept
