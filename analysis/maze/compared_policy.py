"""Prepare the policy with which an agent is compared: itself under an intervention, or another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from chisel.analysis.evaluation import interventions_of
from chisel.analysis.maze.fields import Outputs
from chisel.analysis.results import name_of
from chisel.configs import ConfigError, RunConfig
from chisel.models import Agent, require_match


@dataclass(frozen=True)
class ComparedPolicy:
    """A policy that is compared with an agent, and has the same observations."""

    outputs: Outputs
    """Function from observations to logits and values."""
    context: Callable[[], AbstractContextManager[Any]]
    """Context in which the policy must be run."""
    name: str
    """Name for titles."""
    plain: Mapping[str, Any]
    """Plain values for JSON."""


def compared_policy(
    agent: Agent,
    config: RunConfig,
    *,
    steer: str | None,
    ablate: str | None,
    other: Agent | None,
) -> ComparedPolicy | None:
    """Make the compared policy from a study's options; None if no option is given.

    Args:
        agent: The agent that is studied.
        config: The config under which it is studied.
        steer: Vectors, `FILE:COEFF,…` (see `parse_steer`).
        ablate: Regions, `REGION[:MODE],…` (see `parse_modes`). If `steer` is given too, regions are
            ablated before vectors are added.
        other: Another agent.

    Raises:
        ConfigError: If an option cannot be read, there is no such region, a vector does not fit, or
            an intervention is given beside another agent.
        CheckpointError: If there is no such file, or the other agent has other observations.
    """
    if other is not None:
        if steer is not None or ablate is not None:
            raise ConfigError("other= is compared as it is: leave steer= and ablate= out")
        require_match(other.source, other.spaces.to_plain(), agent.spaces.to_plain(), "agent")
        name, about = name_of(other), other.config
        if about and name == about.experiment:
            name = f"{name}, {about.name}"
        return ComparedPolicy(other.outputs, nullcontext, name, {"other": str(other.source)})
    if steer is None and ablate is None:
        return None
    interventions = interventions_of(agent, config, ablate=ablate or None, steer=steer or None)
    words = [f"without {ablate}"] if ablate else []
    if interventions.steering is not None:
        words += [f"{coeff:+g} × {path.name}" for path, coeff, _ in interventions.steering.vectors]
    return ComparedPolicy(agent.outputs, interventions, ", ".join(words), interventions.to_plain())
