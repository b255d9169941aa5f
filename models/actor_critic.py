"""A policy and a value head on one embedder."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
        image = obs.to(self.fc_policy.weight.dtype)
        if self.obs_range != 1:
            # A true division, as where the published nets were trained: 1/255 differs in bits.
            image = image / self.obs_range
        features = self.embedder(image)
        return self.fc_policy(features), self.fc_value(features).squeeze(-1)
