"""Compute differences of activations: means over some states minus means over others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from chisel.analysis.interventions import Place, record
from chisel.analysis.steering.vectors import SteeringVector, observations_of, shape_of
from chisel.configs import ConfigError
from chisel.models import Agent, to_tensor
from chisel.routing import Site

_PUBLISHED = "embedder.block2.res1.resadd"
"""The layer that is steered in "Understanding and controlling a maze-solving policy network"."""
_AT_A_TIME = 512
"""Number of observations in one forward pass while activations are recorded."""


def activations(
    model: nn.Module,
    modules: Iterable[Place],
    obs: Tensor,
    call: Callable[[Tensor], object] | None = None,
) -> dict[Place, Tensor]:
    """Record activations for observations.

    Args:
        model: Any network.
        modules: Names of modules, or sites.
        obs: Observations `[N, …]`.
        call: Function that runs the model on a batch; None calls the model itself.

    Returns:
        The activations `[N, …]` by name or site, on the network's device.

    Raises:
        ConfigError: If there is no such module, or its output is not one tensor.
    """
    feed = call or model

    def run() -> None:
        for first in range(0, len(obs), _AT_A_TIME):
            feed(obs[first : first + _AT_A_TIME])

    return record(model, modules, run)


def mean_difference(
    model: nn.Module,
    module: str | Site,
    with_states: Tensor,
    without_states: Tensor,
    call: Callable[[Tensor], object] | None = None,
) -> Tensor:
    """Return the mean activation over some inputs minus that over others.

    Args:
        model: Any network.
        module: Name of the module whose output is taken, or the site.
        with_states: Inputs `[N, …]`.
        without_states: Inputs `[M, …]` whose mean is subtracted; M may differ from N.
        call: Function that runs the model on a batch; None calls the model itself.

    Returns:
        The difference `[C, …]`, float32, on the CPU.
    """
    first, second = (
        activations(model, [module], obs, call)[module].double().mean(0)
        for obs in (with_states, without_states)
    )
    return (first - second).float().cpu()


def difference(
    agent: Agent,
    module: str | Site,
    with_states: NDArray[Any],
    without_states: NDArray[Any],
    states: Mapping[str, Any] | None = None,
) -> SteeringVector:
    """Make the steering vector between two sets of states of any agent.

    Args:
        agent: The agent.
        module: Name of the module whose outputs are subtracted, or the site.
        with_states: Observations `[N, H, W, C]` that have some property.
        without_states: Observations `[M, H, W, C]` that don't have it.
        states: Plain values about the states, which are kept in the vector's `origin`.

    Raises:
        ConfigError: If the observations don't fit the agent, or there is no such module.
    """
    for name, obs in (("with_states", with_states), ("without_states", without_states)):
        check_observations(agent, obs, name)
    vector = mean_difference(
        agent.model, module, to_tensor(with_states), to_tensor(without_states), agent.outputs
    )
    origin = {"checkpoint": str(agent.source), "sha256": agent.digest, **(states or {})}
    origin["counts"] = [len(with_states), len(without_states)]
    return SteeringVector(module, vector, observations_of(agent), origin)


def averaged(vectors: Sequence[SteeringVector]) -> SteeringVector:
    """Return the mean of several vectors of one module.

    Raises:
        ConfigError: If there is no vector, or the vectors differ in module, shape or observations.
    """
    if not vectors:
        raise ConfigError("there is no vector to average")
    first = vectors[0]
    for one in vectors:
        if (one.site, one.vector.shape, one.observations) != (
            first.site,
            first.vector.shape,
            first.observations,
        ):
            raise ConfigError(
                f"vectors at {first.site.where} {list(first.vector.shape)} and {one.site.where} "
                f"{list(one.vector.shape)} cannot be averaged: one site, shape and observation"
            )
    mean = torch.stack([one.vector.double() for one in vectors]).mean(0).float()
    origin = {"averaged": [dict(one.origin) for one in vectors]}
    return SteeringVector(first.module, mean, first.observations, origin)


def check_observations(agent: Agent, obs: NDArray[Any], what: str) -> None:
    """Check that observations have the shape and type that an agent takes.

    Raises:
        ConfigError: If they differ, or there are none; the message has both shapes and types.
    """
    spaces = agent.spaces
    if obs.shape[1:] != spaces.obs_shape or obs.dtype != np.dtype(spaces.obs_dtype):
        raise ConfigError(
            f"{what} has {obs.dtype} {list(obs.shape)}, but {agent.source} sees "
            f"{spaces.obs_dtype} [N, {', '.join(map(str, spaces.obs_shape))}]"
        )
    if not len(obs):
        raise ConfigError(f"{what} has no states")


def default_layer(agent: Agent, module: str | None = None) -> str:
    """Return a layer of an agent by its name, or the usual one to study.

    The usual one is the layer of the published maze study, if the network has it, else the whole
    embedder.

    Args:
        agent: The agent.
        module: The layer's name; `None` is the usual one.

    Raises:
        ConfigError: If there is no such module.
    """
    names = dict(agent.model.named_modules())
    found = module or (_PUBLISHED if _PUBLISHED in names else "embedder")
    shape_of(agent, found)
    return found


def policy_layers(agent: Agent) -> list[str]:
    """Return the modules without children on whose output the policy depends, in the model's order.

    They are those with a gradient from the logits, so modules that only the critic reads are left
    out.
    """
    named = [(name, one) for name, one in agent.model.named_modules() if not list(one.children())]
    outputs: dict[str, Tensor] = {}
    handles = [one.register_forward_hook(_output_keeper(outputs, name)) for name, one in named]
    try:
        with torch.enable_grad():
            logits = agent.policy(agent.spaces.example(2))
            candidates = [name for name, output in outputs.items() if output.requires_grad]
            gradients: Sequence[Tensor | None] = torch.autograd.grad(
                logits.sum(), [outputs[name] for name in candidates], allow_unused=True
            )
    finally:
        for handle in handles:
            handle.remove()
    reached = {n for n, gradient in zip(candidates, gradients, strict=True) if gradient is not None}
    return [name for name, _ in named if name in reached]


def named_layers(agent: Agent, layers: Sequence[str]) -> list[str]:
    """Return the layers of a study's option: the names, or those of `policy_layers` for `all`.

    Raises:
        ConfigError: If there is no such module, or its output is not one tensor.
    """
    if list(layers) == ["all"]:
        return policy_layers(agent)
    for name in layers:
        shape_of(agent, name)
    return list(layers)


def _output_keeper(outputs: dict[str, Tensor], name: str) -> Callable[..., None]:
    """Return a hook that keeps a module's output if it is a batch of floats."""

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.is_floating_point() and output.dim() > 1:
            outputs[name] = output

    return keep
