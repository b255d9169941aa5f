"""How a run's network is made from its config."""

from __future__ import annotations

from typing import Any

import torch

from chisel.configs import ConfigError, registry
from chisel.models.actor_critic import ActorCritic
from chisel.models.autoencoder import HalvesAutoencoder
from chisel.models.spaces import Spaces


def build(config: Any, spaces: Spaces, *, seed: int = 0) -> ActorCritic:
    """Build the network that `config.name` registers, with initial weights made from `seed`.

    The same seed gives the same bits. The global random state is neither read nor changed, also
    by layers whose constructors draw from it.

    Args:
        config: The `model` part of a run's config.
        spaces: What the environment shows and accepts.
        seed: Seed of the initial weights.

    Raises:
        ConfigError: If the name is unknown or the builder does not return an `ActorCritic`.
    """
    model = _built(config, spaces, seed)
    if not isinstance(model, ActorCritic):
        raise ConfigError(
            f"model {config.name!r} built a {type(model).__name__}; models must return an "
            "ActorCritic (give one your embedder)"
        )
    return model


def build_split(config: Any, spaces: Spaces, *, seed: int = 0) -> HalvesAutoencoder:
    """The same for a run that learns from a data set.

    Raises:
        ConfigError: If the name is unknown or the builder does not return a `HalvesAutoencoder`.
    """
    model = _built(config, spaces, seed)
    if not isinstance(model, HalvesAutoencoder):
        raise ConfigError(
            f"model {config.name!r} built a {type(model).__name__}; a data set needs a "
            "HalvesAutoencoder"
        )
    return model


def _built(config: Any, spaces: Spaces, seed: int) -> Any:
    builder = registry.resolve("model", config.name)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # manual_seed would reseed GPUs, too
        return builder(config, spaces, torch.Generator().manual_seed(seed))
