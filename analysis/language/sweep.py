"""Try vectors at layers and strengths, beside random vectors of the same length."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from chisel.analysis.interventions import Edit
from chisel.analysis.language.measures import Gauge, Measured
from chisel.analysis.language.sites import SiteTable
from chisel.analysis.language.vectors import add_at_tokens
from chisel.analysis.steering import random_like

_COSTED = 3
"""Number of the random directions whose cost on unrelated text is measured as well."""
RANDOM = "random"
"""Name of the random directions among the vectors that are tried."""
REVERSED = ", reversed"
"""End of the name of a vector whose sign is reversed."""


@dataclass(frozen=True)
class Tried:
    """One vector at one layer and strength."""

    layer: int
    strength: float
    vector: str
    """Name of the vector."""
    draw: int
    """Number of the random direction, or of the draw of pairs; 0 if there is only one."""
    measured: Measured
    """Measurements with the vector."""
    before: Measured
    """Measurements without it."""

    @property
    def shifts(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Rise of the score, by prompt."""
        return self.measured.scores - self.before.scores

    @property
    def shift(self) -> float:
        """Rise of the score, mean over prompts."""
        return float(self.shifts.mean())

    @property
    def loss_rise(self) -> float:
        """Rise of the loss on unrelated text, nats per token."""
        return self.measured.loss - self.before.loss


@dataclass(frozen=True)
class Sweep:
    """Tries vectors on one model."""

    gauge: Gauge
    table: SiteTable
    skip: int = 0
    """Number of positions that capability leaves out, because vectors are added there."""
    first: bool = False
    """Whether vectors are added at position 0, too."""

    def before(self) -> Measured:
        """Measure without a vector."""
        return self.gauge.measure(skip=self.skip)

    def attempt(
        self,
        before: Measured,
        layer: int,
        strength: float,
        name: str,
        vector: Tensor,
        draw: int = 0,
    ) -> Tried:
        """Measure with `strength * vector` added to the stream that enters a block.

        The cost on unrelated text is measured for the first draws only.
        """
        edit = add_at_tokens(vector, strength, first=self.first)
        return self.attempt_edit(before, layer, strength, name, edit, draw)

    def attempt_edit(
        self, before: Measured, layer: int, strength: float, name: str, edit: Edit, draw: int = 0
    ) -> Tried:
        """Measure with any edit of the stream that enters a block, as `attempt` does."""
        edits = {self.table.site(f"block.{layer}.in"): edit}
        measured = self.gauge.measure(edits, skip=self.skip, capability=draw < _COSTED)
        return Tried(layer, strength, name, draw, measured, before)

    def layer(
        self,
        layer: int,
        strengths: Sequence[float],
        vectors: Mapping[str, Tensor],
        controls: int,
        generator: torch.Generator,
        done: Callable[[], object],
    ) -> list[Tried]:
        """Try vectors, the same with their signs reversed, and random ones like the first.

        Args:
            layer: Block whose input is steered.
            strengths: Positive factors of the vectors.
            vectors: Vectors by name, `[units]` or `[F, units]`.
            controls: Number of random directions, each tried at every strength.
            generator: Source of the random directions.
            done: Called after each measurement.
        """
        before, found = self.before(), []
        own = next(iter(vectors.values()))
        rows = own if own.dim() == 2 else own[None]
        random = [random_like(rows, generator).view_as(own) for _ in range(controls)]
        for strength in strengths:
            plans = [(name, vector, 0) for name, vector in vectors.items()]
            plans += [(f"{name}{REVERSED}", -vector, 0) for name, vector in vectors.items()]
            plans += [(RANDOM, one, number) for number, one in enumerate(random)]
            for name, vector, draw in plans:
                found.append(self.attempt(before, layer, strength, name, vector, draw))
                done()
        return found


def random_range(
    tried: Sequence[Tried], layer: int, strength: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the shifts of the random directions at a layer and strength, ascending."""
    same = [
        one for one in tried if (one.layer, one.strength, one.vector) == (layer, strength, RANDOM)
    ]
    return np.sort([one.shift for one in same])


def control_p(one: Tried, random: Sequence[float]) -> float:
    """Return the share of the random directions, and this one, that move the score as far.

    Only moves in the direction of this vector's own move count.
    """
    sign = 1 if one.shift >= 0 else -1
    beyond = sum(sign * other >= sign * one.shift for other in random)
    return (1 + beyond) / (1 + len(random))


def slopes(attempts: Sequence[Tried]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return for each prompt the slope of its score over the strength (Tan et al. 2024).

    Args:
        attempts: The same vector at several strengths, which are negative for the reversed vector.
            The score without the vector counts at strength 0.
    """
    strengths = np.array([0.0, *(one.strength for one in attempts)])
    scores = np.stack([attempts[0].before.scores, *(one.measured.scores for one in attempts)])
    centred = strengths - strengths.mean()
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = (
        centred @ (scores - scores.mean(0)) / (centred @ centred)
    )
    return found


def with_sign(one: Tried, sign: int) -> Tried:
    """Return the same attempt with its strength multiplied by `sign`, for a reversed vector."""
    return replace(one, strength=sign * one.strength)
