"""A trained network with everything one must know to use it."""

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
    """A network in evaluation mode, and where it comes from."""

    model: ActorCritic
    spaces: Spaces
    """What the network was made for."""
    config: RunConfig | None
    """The run's config; None for published weights, which carry none."""
    digest: str
    """sha256 of the file the weights were read from, in hex."""
    env_steps: int | None
    """Environment steps trained for, if the file says so."""
    source: Path
    """That file."""
    regions: Mapping[str, Any] | None = None
    """The regions it was routed with, resolved on the network, in plain values; None if none."""
    ancestors: tuple[str, ...] | None = ()
    """Splits of layouts that the agents it started from were trained on (`init_from`, and whatever
    these started from), oldest first; None if that is not known."""

    @property
    def trained_on(self) -> tuple[str, ...] | None:
        """`ancestors`, and its own split if it learnt in mazes; None if something is not known."""
        if self.ancestors is None or self.config is None:
            return None
        env = self.config.env
        return (*self.ancestors, *([env.levels.split] if isinstance(env, MazeConfig) else []))

    def outputs(self, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits `[B, A]` and values `[B]`, float32 on the CPU, wherever the network is."""
        device = self.model.fc_policy.weight.device
        logits, value = self.model(obs.to(device))
        return logits.float().cpu(), value.float().cpu()

    def policy(self, obs: torch.Tensor) -> torch.Tensor:
        """Logits `[B, A]` of observations `[B, C, H, W]`, float32 on the CPU."""
        return self.outputs(obs)[0]
