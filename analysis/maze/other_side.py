"""What an agent is compared with: itself under an intervention, or another checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chisel.analysis.ablation import parse_modes
from chisel.analysis.evaluation import Interventions, ablation_of
from chisel.analysis.maze.fields import Outputs
from chisel.analysis.results import take_agent
from chisel.analysis.steering import steering_of
from chisel.configs import ConfigError, RunConfig
from chisel.models import Agent, require_match


@dataclass(frozen=True)
class OtherSide:
    """A policy that sees what the agent sees."""

    outputs: Outputs
    context: Callable[[], AbstractContextManager[Any]]
    """What to run it under."""
    name: str
    """In words, for titles."""
    plain: Mapping[str, Any]
    """For JSON."""


def other_side(
    agent: Agent, config: RunConfig, *, steer: str | None, ablate: str | None, other: str | None
) -> OtherSide | None:
    """Read what to compare with; None if nothing is given.

    Args:
        agent: The side before.
        config: The config it is studied under.
        steer: `FILE:COEFF,…` (see `parse_steer`).
        ablate: `REGION[:MODE],…` (see `parse_modes`); ablated first, if both are given.
        other: Another checkpoint.

    Raises:
        ConfigError: If words are wrong, there is no such region, a vector does not fit, or an
            intervention is given beside another checkpoint.
        CheckpointError: If there is no such file, or the other sees something else.
    """
    if other is not None:
        if steer is not None or ablate is not None:
            raise ConfigError(f"other={other} is a side of its own: leave steer= and ablate= out")
        there = take_agent(Path(other), env=None)
        require_match(there.source, there.spaces.to_plain(), agent.spaces.to_plain(), "agent")
        about: dict[str, Any] = {"checkpoint": str(there.source), "sha256": there.digest}
        about["env_steps"] = there.env_steps
        name = "/".join(Path(other).parts[-2:])
        return OtherSide(there.outputs, nullcontext, name, {"other": about})
    if steer is None and ablate is None:
        return None
    changes = Interventions(
        ablation_of(agent, config, parse_modes(ablate)) if ablate else None,
        steering_of(agent, steer) if steer else None,
    )
    words = [f"without {ablate}"] if ablate else []
    if changes.steering is not None:
        words += [f"{coeff:+g} × {path.name}" for path, coeff, _ in changes.steering.vectors]
    return OtherSide(agent.outputs, changes, ", ".join(words), changes.to_plain())
