"""Build the network of a run from its config."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import nn

from chisel.configs import ConfigError, registry
from chisel.models.actor_critic import ActorCritic
from chisel.models.autoencoder import HalvesAutoencoder
from chisel.models.spaces import Spaces

_Model = TypeVar("_Model", bound=nn.Module)


def build(config: Any, spaces: Spaces, *, seed: int = 0) -> ActorCritic:
    """Build the network that `config.name` registers, with initial weights drawn from `seed`.

    The same seed gives the same bits. The global random state is neither read nor changed, also
    by layers whose constructors draw from it.

    Args:
        config: The `model` part of a run's config.
        spaces: Observations and actions of the environment.
        seed: Seed of the initial weights.

    Raises:
        ConfigError: If the name is unknown or the builder does not return an `ActorCritic`.
    """
    needed = "models must return an ActorCritic (give one your embedder)"
    return _built(config, spaces, seed, ActorCritic, needed)


def build_halves_autoencoder(config: Any, spaces: Spaces, *, seed: int = 0) -> HalvesAutoencoder:
    """Build the network of a run that learns from a data set; see `build`.

    Raises:
        ConfigError: If the name is unknown or the builder does not return a `HalvesAutoencoder`.
    """
    needed = "a data set needs a HalvesAutoencoder"
    return _built(config, spaces, seed, HalvesAutoencoder, needed)


def _built(config: Any, spaces: Spaces, seed: int, kind: type[_Model], needed: str) -> _Model:
    builder = registry.resolve("model", config.name)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # manual_seed would reseed GPUs, too
        model = builder(config, spaces, torch.Generator().manual_seed(seed))
    if not isinstance(model, kind):
        raise ConfigError(f"model {config.name!r} built a {type(model).__name__}; {needed}")
    return model
