"""A trained network with what it reads, its config and its origin."""

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
"""Name of the file with shipped weights."""
_Model = TypeVar("_Model", bound=nn.Module)
_Model_co = TypeVar("_Model_co", bound=nn.Module, covariant=True)


@dataclass(frozen=True)
class Loaded(Generic[_Model_co]):
    """A network in evaluation mode, and its origin."""

    model: _Model_co
    spaces: Spaces
    """Inputs and actions that the network was made for."""
    config: RunConfig | None
    """The run's config; None for published weights, whose files hold none."""
    digest: str
    """sha256 of the file the weights were read from, in hex."""
    env_steps: int | None
    """Environment steps of training, or examples, each counted as often as it was seen; None if
    the file does not say."""
    source: Path
    """File that the weights were read from."""
    regions: Mapping[str, Any] | None = None
    """Regions of gradient routing, resolved on the network, as plain values; None if there are
    none."""
    ancestors: tuple[str, ...] | None = ()
    """Splits of layouts that its ancestors were trained on (`init_from`, and what those started
    from), oldest first; None if they are not known."""

    def __str__(self) -> str:
        """Return what names it on the command line: of shipped weights their folder or name."""
        return agent_name(self.source.parent if self.source.name == WEIGHTS else self.source)

    @property
    def trained_on(self) -> tuple[str, ...] | None:
        """`ancestors`, and its own split if it was trained in mazes; None if one is not known."""
        if self.ancestors is None or self.config is None:
            return None
        env = self.config.env
        return (*self.ancestors, *([env.levels.split] if isinstance(env, MazeConfig) else []))

    def outputs(self, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute logits `[B, A]` and values `[B]`, float32 on the CPU, on the network's device.

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
"""What has a policy."""


def as_agent(loaded: Loaded[nn.Module]) -> Agent:
    """Return the same object, typed as what has a policy.

    Raises:
        CheckpointError: If its network has none.
    """
    return require_model(
        loaded, ActorCritic, "has no policy; give a run that learnt in an environment"
    )


def require_model(loaded: Loaded[nn.Module], kind: type[_Model], otherwise: str) -> Loaded[_Model]:
    """Return the same object, typed by the class of its network.

    Args:
        loaded: Any network.
        kind: Class that is needed.
        otherwise: What is to say of a network of another class, after "which".

    Raises:
        CheckpointError: If the network is of another class.
    """
    if not isinstance(loaded.model, kind):
        found = type(loaded.model).__name__
        raise CheckpointError(f"{loaded.source} holds a network {found}, which {otherwise}")
    return cast("Loaded[_Model]", loaded)
