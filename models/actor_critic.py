"""The network of an agent: a policy head and a value head on one embedder."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from chisel.models.spaces import Spaces


class ActorCritic(nn.Module):
    """Maps observations `[B, C, H, W]` to logits `[B, A]` and values `[B]`.

    The network itself converts integer observations to floats and divides them by `obs_range`, so
    that rollouts can store bytes. The weights of the heads are orthogonal with gain 0.01 (policy)
    and 1 (value), and biases are 0, so that a new policy is nearly uniform (Langosco et al. 2022).

    Args:
        embedder: An initialised network from floats `[B, C, H, W]` to features `[B, hidden]`.
        hidden: Number of features.
        num_actions: Number of discrete actions.
        obs_range: Divisor of observations; see `Spaces.obs_range`.
        generator: Source of the heads' initial weights.
        critic: An initialised network from floats `[B, C, H, W]` to values `[B, 1]`, which shares
            no weights with the policy. None: a linear head on the features computes the values.
        packed: Number of channels in each word of an observation `[B, 1, H, W]`, which are unpacked
            first; 0 if observations are not packed. See `Spaces.packed`.
    """

    def __init__(
        self,
        embedder: nn.Module,
        *,
        hidden: int,
        num_actions: int,
        obs_range: float,
        generator: torch.Generator,
        critic: nn.Module | None = None,
        packed: int = 0,
    ) -> None:
        super().__init__()
        self.obs_range = obs_range
        self.unpack = UnpackBits(packed) if packed else None
        self.embedder = embedder
        self.fc_policy = _head(hidden, num_actions, 0.01, generator)
        if critic is None:
            self.fc_value = _head(hidden, 1, 1.0, generator)
        self.critic = critic

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Compute logits `[B, A]` and values `[B]` of observations `[B, C, H, W]`."""
        return self.heads(self.features(obs), obs)

    def features(self, obs: Tensor) -> Tensor:
        """Compute features `[B, hidden]` of observations `[B, C, H, W]`, bytes or floats."""
        features: Tensor = self.embedder(self.image(obs))
        return features

    def heads(self, features: Tensor, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Compute logits `[B, A]` and values `[B]` of features `[B, hidden]`.

        A separate critic computes the values from the observations instead.
        """
        values = self.fc_value(features) if self.critic is None else self.critic(self.image(obs))
        return self.fc_policy(features), values.squeeze(-1)

    def image(self, obs: Tensor) -> Tensor:
        """Return observations as the embedder reads them: unpacked, as floats, divided."""
        words = obs if self.unpack is None else self.unpack(obs)
        image = words.to(self.fc_policy.weight.dtype)
        if self.obs_range != 1:
            # Divide as published networks do: multiplying by 1/255 would differ in the last bits.
            image = image / self.obs_range
        return image


class UnpackBits(nn.Module):
    """Unpacks words `[B, 1, H, W]` into planes `[B, channels, H, W]` of 0 and 1: bit k to plane k.

    Args:
        channels: Number of planes, one for each bit from the lowest on.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, words: Tensor) -> Tensor:
        """Unpack words, which are integers, or floats that hold whole numbers exactly."""
        whole = words.to(torch.int32) if words.is_floating_point() else words
        bits = torch.arange(self.channels, dtype=whole.dtype, device=whole.device)
        return ((whole.movedim(-3, -1) >> bits) & 1).movedim(-1, -3)


def with_heads(
    embedder: nn.Module,
    config: Any,
    spaces: Spaces,
    generator: torch.Generator,
    critic: nn.Module | None = None,
) -> ActorCritic:
    """Return an `ActorCritic` on an embedder with `config.hidden` features.

    Args:
        embedder: The initialised embedder.
        config: The `model` part of a run's config, with `hidden`.
        spaces: Observations and actions of the environment.
        generator: Source of the heads' initial weights.
        critic: A separate value network; None computes values from the features.
    """
    return ActorCritic(
        embedder,
        hidden=config.hidden,
        num_actions=spaces.num_actions,
        obs_range=spaces.obs_range,
        packed=spaces.packed,
        generator=generator,
        critic=critic,
    )


def _head(inputs: int, outputs: int, gain: float, generator: torch.Generator) -> nn.Linear:
    head = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(head.weight, gain=gain, generator=generator)
    nn.init.zeros_(head.bias)
    return head
