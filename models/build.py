"""Build the network of a run from its config."""

from __future__ import annotations

from typing import Any, TypeVar, overload

import torch
from torch import nn

from chisel.configs import ConfigError, registry
from chisel.models.actor_critic import ActorCritic
from chisel.models.spaces import Spaces

_Model = TypeVar("_Model", bound=nn.Module)


@overload
def build(config: Any, spaces: Spaces, *, seed: int = 0) -> ActorCritic: ...


@overload
def build(config: Any, spaces: Spaces, kind: type[_Model], *, seed: int = 0) -> _Model: ...


def build(
    config: Any, spaces: Spaces, kind: type[nn.Module] = ActorCritic, *, seed: int = 0
) -> nn.Module:
    """Build the network that `config.name` registers, with initial weights drawn from `seed`.

    The same seed gives the same bits. The global random state is neither read nor changed, even if
    constructors of layers draw from it.

    Args:
        config: The `model` part of a run's config.
        spaces: Inputs that the network reads, and actions of the environment.
        kind: Class that the network must have; an agent must be an `ActorCritic`.
        seed: Seed of the initial weights.

    Raises:
        ConfigError: If the name is unknown, or the builder returns a network of another class.
    """
    builder = registry.resolve("model", config.name)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # manual_seed would reseed GPUs, too
        model = builder(config, spaces, torch.Generator().manual_seed(seed))
    return require_kind(model, kind, config.name)


def require_kind(model: Any, kind: type[_Model], name: str) -> _Model:
    """Return the same network, typed as the required class.

    Args:
        model: The network that a builder returned.
        kind: Required class.
        name: The builder's name, for the message.

    Raises:
        ConfigError: If the network is of another class.
    """
    if not isinstance(model, kind):
        needed = f"a {kind.__name__} is needed here"
        if issubclass(kind, ActorCritic):
            needed = "agents must be an ActorCritic (give one your embedder)"
        raise ConfigError(f"model {name!r} built a {type(model).__name__}; {needed}")
    return model
