"""Read the option `steer=FILE:COEFF,…`, whose vectors are added while an agent plays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chisel.analysis.interventions import Edit, compose, intervene
from chisel.analysis.steering.vectors import SteeringVector, load_vector
from chisel.configs import ConfigError
from chisel.models import Loaded
from chisel.routing import Site


@dataclass(frozen=True)
class Steering:
    """Steering vectors that fit an agent, with their coefficients."""

    agent: Loaded[Any]
    vectors: tuple[tuple[Path, float, SteeringVector], ...]
    """File, coefficient and vector of each."""

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """Return a context in which the vectors are added to the agent's activations."""
        edits: dict[Site, Edit] = {}
        for _, coeff, vector in self.vectors:
            earlier = edits.get(vector.site, compose())
            edits[vector.site] = compose(earlier, vector.edit(coeff))
        with intervene(self.agent.model, edits):
            yield

    @property
    def name(self) -> str:
        """Text for the names of files."""
        return "+".join(f"{path.stem}-{coeff:g}" for path, coeff, _ in self.vectors)

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        plain = [
            {
                "file": str(path),
                "coeff": coeff,
                **vector.site.to_plain(),
                "norm": vector.norm,
                "origin": dict(vector.origin),
            }
            for path, coeff, vector in self.vectors
        ]
        return {"steer": plain}


def parse_steer(text: str) -> list[tuple[Path, float]]:
    """Read the files and coefficients of `FILE:COEFF,…`.

    Raises:
        ConfigError: If a file or a coefficient is missing, or a coefficient is not a finite number.
    """
    vectors = []
    for item in text.split(","):
        file, _, word = item.rpartition(":")
        if not file:
            raise ConfigError(f"steer={text}: needs FILE:COEFF, as in vector.safetensors:-1")
        try:
            coeff = float(word)
        except ValueError:
            raise ConfigError(f"steer={text}: the coefficient {word!r} is not a number") from None
        if not abs(coeff) < float("inf"):
            raise ConfigError(f"steer={text}: the coefficient {word} is not finite")
        vectors.append((Path(file), coeff))
    return vectors


def steering_of(agent: Loaded[Any], text: str) -> Steering:
    """Load the vectors of `FILE:COEFF,…` and check that they fit the agent.

    Raises:
        ConfigError: If the text cannot be read, or a vector does not fit the agent.
        CheckpointError: If a file is missing or holds no steering vector.
    """
    vectors = []
    for path, coeff in parse_steer(text):
        vector = load_vector(path)
        vector.require_fit(agent, f"steer={path}")
        vectors.append((path, coeff, vector))
    return Steering(agent, tuple(vectors))
