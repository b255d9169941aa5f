"""A steering vector as a file: the numbers, where they are added, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from chisel.analysis.interventions import Edit, add, record
from chisel.configs import CheckpointError, ConfigError
from chisel.models import Agent, write_atomically

FORMAT = 1
_OF_OBSERVATIONS = ("obs_shape", "obs_dtype", "obs_high")


@dataclass(frozen=True)
class SteeringVector:
    """What to add to one module's output."""

    module: str
    """Whose output it is added to."""
    vector: Tensor
    """Like that output for one example, `[C, …]`, float32."""
    observations: Mapping[str, Any]
    """Shape, type and largest value of what the network was shown."""
    origin: Mapping[str, Any]
    """Plain values: checkpoint, its sha256, the states."""

    @property
    def norm(self) -> float:
        """Euclidean, of all its numbers."""
        return float(self.vector.double().norm())

    def edit(self, coeff: float) -> Edit:
        """Adds it `coeff` times; for `intervene` at `module`."""
        return add(self.vector, coeff)

    def save(self, path: Path | str) -> Path:
        """Write it as safetensors.

        Raises:
            CheckpointError: If the disk refuses.
        """
        about = {"format": FORMAT, "module": self.module, "origin": dict(self.origin)}
        about["observations"] = dict(self.observations)
        data = safetensors.torch.save(
            {"vector": self.vector.float().contiguous()}, {"chisel": json.dumps(about)}
        )
        try:
            write_atomically(Path(path), data)
        except OSError as error:
            raise CheckpointError(f"cannot write {path}: {error.strerror or error}") from error
        return Path(path)

    def require_fit(self, agent: Agent, what: str = "the vector") -> None:
        """Check that it can be added to an agent's activations.

        Raises:
            ConfigError: If the agent sees something else, or has no such module or one of another
                shape.
        """
        seen = observations_of(agent)
        if dict(self.observations) != seen:
            raise ConfigError(
                f"{what} is from observations {_shown(self.observations)}, but {agent.source} sees "
                f"{_shown(seen)}"
            )
        shape = list(shape_of(agent, self.module))
        if list(self.vector.shape) != shape:
            raise ConfigError(
                f"{what} has shape {list(self.vector.shape)}, but the output of {self.module} is "
                f"{shape} in {agent.source}"
            )


def load_vector(path: Path | str) -> SteeringVector:
    """Read what `SteeringVector.save` wrote.

    Raises:
        CheckpointError: If there is no such file or it is something else.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"there is no {path}; chisel study steering-vector makes vectors")
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            about = json.loads((file.metadata() or {})["chisel"])
            vector = file.get_tensor("vector")
        if about["format"] != FORMAT:
            raise CheckpointError(f"{path} is a steering vector of format {about['format']}")
        return SteeringVector(about["module"], vector, about["observations"], about["origin"])
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path} is no steering vector ({error!r})") from error


def observations_of(agent: Agent) -> dict[str, Any]:
    """What an agent is shown, in plain values."""
    plain = agent.spaces.to_plain()
    return {key: plain[key] for key in _OF_OBSERVATIONS}


def shape_of(agent: Agent, module: str) -> torch.Size:
    """Shape of a module's output for one example.

    Raises:
        ConfigError: If there is no such module, or its output is not one tensor.
    """
    height, width, channels = agent.spaces.obs_shape
    nothing = torch.zeros(1, channels, height, width)
    found = record(agent.model, [module], lambda: agent.outputs(nothing))
    return found[module].shape[1:]


def _shown(observations: Mapping[str, Any]) -> str:
    shape = "×".join(map(str, observations["obs_shape"]))
    return f"{shape} {observations['obs_dtype']} up to {observations['obs_high']:g}"
