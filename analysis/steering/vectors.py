"""Store steering vectors in files, and make random vectors of the same length as controls."""

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

from chisel.analysis.interventions import Edit, add, as_site, record
from chisel.configs import CheckpointError, ConfigError
from chisel.models import Agent, write_file
from chisel.routing import Site

FORMAT = 1
_OF_OBSERVATIONS = ("obs_shape", "obs_dtype", "obs_high")


@dataclass(frozen=True)
class SteeringVector:
    """A vector to add to the activation at one site."""

    module: str | Site
    """The site, or the name of a module, which stands for its output."""
    vector: Tensor
    """The vector, in the shape of that activation for one example, `[C, …]`, float32."""
    observations: Mapping[str, Any]
    """Shape, type and largest value of the observations that it was made from."""
    origin: Mapping[str, Any]
    """Origin of the vector in plain values: checkpoint, its sha256, the states."""

    @property
    def site(self) -> Site:
        """Return the site."""
        return as_site(self.module)

    @property
    def norm(self) -> float:
        """Return the Euclidean norm of all its numbers."""
        return float(self.vector.double().norm())

    def edit(self, coeff: float) -> Edit:
        """Return the edit, for `intervene` at `site`, that adds `coeff` times the vector."""
        return add(self.vector, coeff)

    def save(self, path: Path | str) -> Path:
        """Write the vector as a safetensors file.

        Raises:
            CheckpointError: If the file cannot be written.
        """
        about = {"format": FORMAT, **self.site.to_plain(), "origin": dict(self.origin)}
        about["observations"] = dict(self.observations)
        data = safetensors.torch.save(
            {"vector": self.vector.float().contiguous()}, {"chisel": json.dumps(about)}
        )
        return write_file(Path(path), data)

    def require_fit(self, agent: Agent, what: str = "the vector") -> None:
        """Check that the vector can be added to an agent's activations.

        Raises:
            ConfigError: If the agent has other observations, no such module, or a module whose
                output has another shape.
        """
        expected = observations_of(agent)
        if dict(self.observations) != expected:
            raise ConfigError(
                f"{what} is from observations {_shown(self.observations)}, but {agent.source} sees "
                f"{_shown(expected)}"
            )
        shape = list(shape_of(agent, self.module))
        if list(self.vector.shape) != shape:
            raise ConfigError(
                f"{what} has shape {list(self.vector.shape)}, but {self.site.where} is "
                f"{shape} in {agent.source}"
            )


def load_vector(path: Path | str) -> SteeringVector:
    """Read a file that `SteeringVector.save` wrote.

    Raises:
        CheckpointError: If there is no such file, or it holds no steering vector.
    """
    if not Path(path).is_file():
        raise CheckpointError(
            f"there is no {path}; chisel study steering-vector makes vectors, and chisel study "
            "lm-steering those of language models"
        )
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            about = json.loads((file.metadata() or {})["chisel"])
            vector = file.get_tensor("vector")
        if about["format"] != FORMAT:
            raise CheckpointError(f"{path} is a steering vector of format {about['format']}")
        observations, origin = about.pop("observations"), about.pop("origin")
        del about["format"]
        site = Site(**about)
        module = site.module if site == Site(site.module) else site
        return SteeringVector(module, vector, observations, origin)
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path} is no steering vector ({error!r})") from error


def observations_of(agent: Agent) -> dict[str, Any]:
    """Return shape, type and largest value of an agent's observations, in plain values."""
    plain = agent.spaces.to_plain()
    return {key: plain[key] for key in _OF_OBSERVATIONS}


def shape_of(agent: Agent, module: str | Site) -> torch.Size:
    """Return the shape of the activation at a site, or of a module's output, for one example.

    Raises:
        ConfigError: If there is no such module, or its output is not one tensor.
    """
    recorded = record(agent.model, [module], lambda: agent.outputs(agent.spaces.example()))
    return recorded[module].shape[1:]


def _shown(observations: Mapping[str, Any]) -> str:
    shape = "×".join(map(str, observations["obs_shape"]))
    return f"{shape} {observations['obs_dtype']} up to {observations['obs_high']:g}"


def random_like(vectors: Tensor, generator: torch.Generator) -> Tensor:
    """Draw Gaussian vectors with the lengths of given vectors.

    Args:
        vectors: Given vectors `[N, C, …]`.
        generator: Source of the draws, on the CPU.

    Returns:
        Random vectors `[N, C, …]`, each with the length of the vector in its place.
    """
    drawn = torch.randn(vectors.shape, generator=generator, dtype=torch.float64)
    wanted = vectors.double().flatten(1).norm(dim=1).cpu()
    factor = wanted / drawn.flatten(1).norm(dim=1)
    scaled: Tensor = drawn * factor.view(-1, *[1] * (vectors.dim() - 1))
    return scaled.to(vectors)


def shuffled(vectors: Tensor, generator: torch.Generator) -> Tensor:
    """Permute the numbers of each vector, each with its own permutation.

    Args:
        vectors: Given vectors `[N, C, …]`.
        generator: Source of the draws, on the CPU.

    Returns:
        Permuted vectors `[N, C, …]`.
    """
    flat = vectors.flatten(1)
    orders = [torch.randperm(flat.shape[1], generator=generator) for _ in flat]
    return flat.gather(1, torch.stack(orders).to(flat.device)).view_as(vectors)
