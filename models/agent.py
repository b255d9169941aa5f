"""A trained network with its spaces, config and origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from chisel.configs import MazeConfig, RunConfig
from chisel.models.actor_critic import ActorCritic
from chisel.models.spaces import Spaces


@dataclass(frozen=True)
class Agent:
    """A network in evaluation mode, and its origin."""

    model: ActorCritic
    spaces: Spaces
    """Observations and actions that the network was made for."""
    config: RunConfig | None
    """The run's config; None for published weights, whose files hold none."""
    digest: str
    """sha256 of the file the weights were read from, in hex."""
    env_steps: int | None
    """Environment steps of training; None if the file does not say."""
    source: Path
    """File that the weights were read from."""
    regions: Mapping[str, Any] | None = None
    """Regions of gradient routing, resolved on the network, as plain values; None if there are
    none."""
    ancestors: tuple[str, ...] | None = ()
    """Splits of layouts that its ancestors were trained on (`init_from`, and what those started
    from), oldest first; None if they are not known."""

    @property
    def trained_on(self) -> tuple[str, ...] | None:
        """`ancestors`, and its own split if it was trained in mazes; None if one is not known."""
        if self.ancestors is None or self.config is None:
            return None
        env = self.config.env
        return (*self.ancestors, *([env.levels.split] if isinstance(env, MazeConfig) else []))

    def outputs(self, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute logits `[B, A]` and values `[B]`, float32 on the CPU, on the network's device."""
        device = self.model.fc_policy.weight.device
        logits, value = self.model(obs.to(device))
        return logits.float().cpu(), value.float().cpu()

    def policy(self, obs: torch.Tensor) -> torch.Tensor:
        """Compute logits `[B, A]` of observations `[B, C, H, W]`, float32 on the CPU."""
        return self.outputs(obs)[0]
