"""A trained network with its spaces, its config and its origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar, cast

import torch
from torch import nn

from chisel.configs import CheckpointError, MazeConfig, RunConfig, agent_name
from chisel.models.actor_critic import ActorCritic
from chisel.models.spaces import Spaces

WEIGHTS = "weights.safetensors"
"""File name of shipped weights."""
_Model = TypeVar("_Model", bound=nn.Module)
_Model_co = TypeVar("_Model_co", bound=nn.Module, covariant=True)


@dataclass(frozen=True)
class Loaded(Generic[_Model_co]):
    """A network in evaluation mode, with its config and origin."""

    model: _Model_co
    spaces: Spaces
    """Inputs and actions of the network."""
    config: RunConfig | None
    """Config of its run; None for published weights, whose files hold none."""
    digest: str
    """sha256 of the file that the weights were read from, in hex."""
    env_steps: int | None
    """Environment steps of training, or examples seen (counted again in each epoch); None if the
    file does not say."""
    source: Path
    """File that the weights were read from."""
    regions: Mapping[str, Any] | None = None
    """Regions of gradient routing, resolved on the network, as plain values (`Regions.to_plain`);
    None if there are none."""
    ancestors: tuple[str, ...] | None = ()
    """Splits of maze layouts that its ancestors were trained on, oldest first: the run of
    `init_from`, the run that this started from, and so on. None if they are not known."""

    def __str__(self) -> str:
        """Return its path or name for the command line; for shipped weights, their folder."""
        return agent_name(self.source.parent if self.source.name == WEIGHTS else self.source)

    @property
    def trained_on(self) -> tuple[str, ...] | None:
        """Splits of `ancestors` and, for maze agents, its own; None if they are not known."""
        if self.ancestors is None or self.config is None:
            return None
        env = self.config.env
        return (*self.ancestors, *([env.levels.split] if isinstance(env, MazeConfig) else []))

    def outputs(self, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute logits `[B, A]` and values `[B]` of observations `[B, C, H, W]`.

        The network's device computes them; they are returned as float32 on the CPU.

        Raises:
            CheckpointError: If the network has no policy.
        """
        model = as_agent(self).model
        logits, value = model(obs.to(model.fc_policy.weight.device))
        return logits.float().cpu(), value.float().cpu()

    def policy(self, obs: torch.Tensor) -> torch.Tensor:
        """Compute logits `[B, A]` of observations `[B, C, H, W]`, float32 on the CPU.

        Raises:
            CheckpointError: If the network has no policy.
        """
        return self.outputs(obs)[0]


Agent: TypeAlias = Loaded[ActorCritic]
"""A loaded network that has a policy."""


def as_agent(loaded: Loaded[nn.Module]) -> Agent:
    """Return the same object, typed as an `Agent`.

    Raises:
        CheckpointError: If its network has no policy.
    """
    return require_model(
        loaded, ActorCritic, "has no policy; give a run that learnt in an environment"
    )


def require_model(loaded: Loaded[nn.Module], kind: type[_Model], otherwise: str) -> Loaded[_Model]:
    """Return the same object, typed by the class of its network.

    Args:
        loaded: Any loaded network.
        kind: Required class of the network.
        otherwise: End of the message about a network of another class, after "which".

    Raises:
        CheckpointError: If the network is of another class.
    """
    if not isinstance(loaded.model, kind):
        found = type(loaded.model).__name__
        raise CheckpointError(f"{loaded.source} holds a network {found}, which {otherwise}")
    return cast("Loaded[_Model]", loaded)
