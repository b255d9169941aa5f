"""A policy and a value head on one embedder, and how a run's network is built."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from configs import registry
from configs.errors import ConfigError
from models.impala import impala, initialise
from models.spaces import Spaces


class ActorCritic(nn.Module):
    """Observations `[B, C, H, W]` to logits `[B, A]` and values `[B]`.

    Integer observations are turned into floats and divided by `obs_range` inside, so that rollouts
    keep bytes. Heads are orthogonal with gain 0.01 (policy) and 1 (value), biases 0: a new policy
    is nearly uniform (Langosco et al. 2022).

    Args:
        embedder: Any network from `[B, C, H, W]` floats to features `[B, hidden]`, initialised.
        hidden: Number of features.
        num_actions: Number of discrete actions.
        obs_range: What observations are divided by; see `Spaces.obs_range`.
        generator: Source of the heads' initial weights.
    """

    def __init__(
        self,
        embedder: nn.Module,
        *,
        hidden: int,
        num_actions: int,
        obs_range: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.obs_range = obs_range
        self.embedder = embedder
        self.fc_policy = nn.Linear(hidden, num_actions)
        self.fc_value = nn.Linear(hidden, 1)
        for head, gain in ((self.fc_policy, 0.01), (self.fc_value, 1.0)):
            nn.init.orthogonal_(head.weight, gain=gain, generator=generator)
            nn.init.zeros_(head.bias)

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `[B, A]` and values `[B]` of observations `[B, C, H, W]`, bytes or floats."""
        # A true division, as in the published training code: multiplying by 1/255 differs in bits.
        image = obs.float() if self.obs_range == 1 else obs.float() / self.obs_range
        features = self.embedder(image)
        return self.fc_policy(features), self.fc_value(features).squeeze(-1)


def build_impala(config: Any, spaces: Spaces, generator: torch.Generator) -> ActorCritic:
    """The registered builder of `model.name: impala`."""
    embedder = impala(spaces.obs_shape, config.channels, config.hidden)
    initialise(embedder, generator)
    return ActorCritic(
        embedder,
        hidden=config.hidden,
        num_actions=spaces.num_actions,
        obs_range=spaces.obs_range,
        generator=generator,
    )


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
    builder = registry.resolve("model", config.name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = builder(config, spaces, torch.Generator().manual_seed(seed))
    if not isinstance(model, ActorCritic):
        raise ConfigError(
            f"model {config.name!r} built a {type(model).__name__}; models must return an "
            "ActorCritic (give one your embedder)"
        )
    return model
