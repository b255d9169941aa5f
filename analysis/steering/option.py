"""Vectors added while an agent plays, as `steer=FILE:COEFF,…` asks for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chisel.analysis.interventions import Edit, compose, intervene
from chisel.analysis.steering.vectors import SteeringVector, load_vector
from chisel.configs import ConfigError
from chisel.models import Agent


@dataclass(frozen=True)
class Steering:
    """Vectors that fit an agent, and how much of each is added."""

    agent: Agent
    vectors: tuple[tuple[Path, float, SteeringVector], ...]

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """A context in which the agent runs steered."""
        edits: dict[str, Edit] = {}
        for _, coeff, vector in self.vectors:
            earlier = edits.get(vector.module, compose())
            edits[vector.module] = compose(earlier, vector.edit(coeff))
        with intervene(self.agent.model, edits):
            yield

    @property
    def name(self) -> str:
        """As part of a file's name."""
        return "+".join(f"{path.stem}-{coeff:g}" for path, coeff, _ in self.vectors)

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        plain = [
            {
                "file": str(path),
                "coeff": coeff,
                "module": vector.module,
                "norm": vector.norm,
                "origin": dict(vector.origin),
            }
            for path, coeff, vector in self.vectors
        ]
        return {"steer": plain}


def parse_steer(text: str) -> list[tuple[Path, float]]:
    """Read `FILE:COEFF,…`.

    Raises:
        ConfigError: If a file or a coefficient is missing, or the latter is not a finite number.
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


def steering_of(agent: Agent, text: str) -> Steering:
    """Load the vectors of `FILE:COEFF,…` and check that they fit the agent.

    Raises:
        ConfigError: If the words are wrong or a vector does not fit.
        CheckpointError: If a file is missing or no vector.
    """
    vectors = []
    for path, coeff in parse_steer(text):
        vector = load_vector(path)
        vector.require_fit(agent, f"steer={path}")
        vectors.append((path, coeff, vector))
    return Steering(agent, tuple(vectors))
