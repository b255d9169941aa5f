"""Check that a network always gives the same outputs for the same observation.

Rollouts call the network on all environments at once, updates call it on minibatches, and
evaluations in evaluation mode. Outputs must depend on the observation and the weights only: not on
random draws, the rest of the batch, the mode, whether gradients are recorded, or earlier calls.
Otherwise PPO's ratio is not 1 before the first update, and the evaluated policy is not the trained
one.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from chisel.configs import ConfigError
from chisel.routing import evaluating, tensors_in

EXAMPLES = 5
"""Number of observations per call."""
TOLERANCE = 1e-3
"""Largest difference of outputs, relative to the largest output; fused layers round differently."""

Run = Callable[[Tensor], object]
"""Function that calls the network on observations `[B, …]` in the environment's layout."""


class Call(NamedTuple):
    """Inputs and outputs of one call of a module."""

    name: str
    inputs: list[Tensor]
    outputs: list[Tensor]


def require_repeatable(model: nn.Module, run: Run, space: spaces.Space[Any]) -> None:
    """Call a network several times, as training and evaluation would, and compare the outputs.

    Modules run in their present modes. Weights, buffers, modes and torch's random state are
    restored.

    Args:
        model: The network, not compiled.
        run: Function that calls it.
        space: Space of observations, from which random ones are drawn.

    Raises:
        ConfigError: If outputs depend on anything but the observation; the message names the module
            if a single one is the cause.
    """
    device = next((one.device for one in model.parameters()), torch.device("cpu"))
    shown, others = _examples(space, device), _examples(space, device, seed=1)
    others[0] = shown[0]
    with _restored(model, device), torch.no_grad():
        before = {name: value.clone() for name, value in model.named_buffers()}
        state = torch.get_rng_state()
        first = _calls(model, run, shown)
        drew = not torch.equal(torch.get_rng_state(), state)
        for name, value in model.named_buffers():  # an integer buffer may count calls
            if value.is_floating_point() and not torch.equal(value, before[name]):
                where = _description(model, name.rpartition(".")[0])
                raise _refusal(where, "keeps statistics of its input")
        again = _calls(model, run, shown)
        if drew or not _alike(first[-1].outputs, again[-1].outputs):
            raise _refusal(_blamed(model, first, again), "is random or remembers")
        beside = _calls(model, run, others)
        if not _alike(first[-1].outputs, beside[-1].outputs, rows=1):
            raise _refusal(_blamed(model, first, beside, rows=1), "looks at the rest of the batch")
        all_but_one, fewer = _without_first(first), _calls(model, run, shown[1:])
        if not _alike(all_but_one[-1].outputs, fewer[-1].outputs):
            raise _refusal(_blamed(model, all_but_one, fewer), "looks at the rest of the batch")
        with torch.enable_grad():
            learning = _calls(model, run, shown)
        if not _alike(first[-1].outputs, learning[-1].outputs):
            where = _blamed(model, first, learning)
            raise _refusal(where, "answers differently where gradients are recorded")
        with evaluating(model):
            resting = _calls(model, run, shown)
        if not _alike(first[-1].outputs, resting[-1].outputs):
            raise _refusal(_blamed(model, first, resting), "answers differently in evaluation mode")


def _refusal(where: str, what: str) -> ConfigError:
    return ConfigError(
        f"{where} {what}: a policy must give the same outputs in rollouts, updates and evaluation; "
        "use LayerNorm or GroupNorm instead of batch statistics, and no dropout or noise"
    )


def _blamed(model: nn.Module, one: list[Call], other: list[Call], rows: int = EXAMPLES) -> str:
    """Name the innermost module whose outputs differ for equal inputs."""
    for left, right in zip(one, other, strict=False):
        if left.name != right.name:
            break
        same = _alike(left.inputs, right.inputs, rows)
        if left.name and same and not _alike(left.outputs, right.outputs, rows):
            return _description(model, left.name)
    return _description(model, "")


def _description(model: nn.Module, name: str) -> str:
    return f"{name} ({type(model.get_submodule(name)).__name__})" if name else "the network"


def _calls(model: nn.Module, run: Run, obs: Tensor) -> list[Call]:
    """Return the calls of all modules, in the order in which they end, the network's own last."""
    done: list[Call] = []
    pending: list[list[Tensor]] = []

    def before(_module: nn.Module, args: Any, kwargs: Any) -> None:
        pending.append(_copies([args, kwargs]))

    def after(name: str) -> Callable[..., None]:
        return lambda _module, _args, outputs: done.append(
            Call(name, pending.pop(), _copies(outputs))
        )

    with contextlib.ExitStack() as stack:
        for name, module in model.named_modules():
            handle = module.register_forward_pre_hook(before, with_kwargs=True, prepend=True)
            stack.callback(handle.remove)
            stack.callback(module.register_forward_hook(after(name)).remove)
        run(obs)
    return done


def _without_first(calls: list[Call]) -> list[Call]:
    """Return calls as if they had been made without the first example."""

    def rest(tensors: list[Tensor]) -> list[Tensor]:
        return [one[1:] if one.dim() and len(one) == EXAMPLES else one for one in tensors]

    return [Call(one.name, rest(one.inputs), rest(one.outputs)) for one in calls]


def _copies(value: Any) -> list[Tensor]:
    return [one.detach().clone() for one in tensors_in(value)]


def _alike(one: list[Tensor], other: list[Tensor], rows: int = EXAMPLES) -> bool:
    """Return whether tensors agree on the first `rows` examples, or wholly if they are no batch."""
    return len(one) == len(other) and all(
        _close(*pair, rows) for pair in zip(one, other, strict=True)
    )


def _close(one: Tensor, other: Tensor, rows: int) -> bool:
    if one.shape != other.shape:
        return False
    one, other = one.double(), other.double()
    largest = float(one.abs().nan_to_num().amax()) if one.numel() else 0.0
    if one.dim() and len(one) == EXAMPLES:
        one, other = one[:rows], other[:rows]
    return torch.allclose(one, other, rtol=0, atol=TOLERANCE * largest, equal_nan=True)


def _examples(space: spaces.Space[Any], device: torch.device, seed: int = 0) -> Tensor:
    """Draw random observations `[EXAMPLES, …]` from a space."""
    space = copy.deepcopy(space)  # seeding and drawing change it
    space.seed(seed)
    return torch.from_numpy(np.stack([space.sample() for _ in range(EXAMPLES)])).to(device)


@contextlib.contextmanager
def _restored(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Restore all buffers and torch's random state after the context."""
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
