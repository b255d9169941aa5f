"""Make rows and tables of the effects of vectors, for the study `lm-steering`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chisel.analysis.language.sweep import (
    RANDOM,
    REVERSED,
    Tried,
    control_p,
    random_range,
    slopes,
    with_sign,
)
from chisel.analysis.results import DataTable, Estimate, bootstrap_mean, mean_over_seeds, proportion


def pairs_table(tried: Sequence[Tried], strength: float) -> DataTable:
    """Make the table of vectors from fewer pairs, with means over draws."""
    groups: dict[tuple[int, str], list[Tried]] = {}
    for one in tried:
        groups.setdefault((one.layer, one.vector), []).append(one)
    rows = [
        {
            "layer": layer,
            "vector": name,
            "draws": len(some),
            "shift": mean_over_seeds([one.shift for one in some]),
            "least": min(one.shift for one in some),
            "most": max(one.shift for one in some),
            "+loss": float(np.nanmean([one.loss_rise for one in some])),
        }
        for (layer, name), some in groups.items()
    ]
    return DataTable(
        f"Means over fewer pairs, at strength {strength:g}",
        rows,
        spread="95 % intervals over draws",
    )


def effect_of(one: Tried) -> dict[str, Any]:
    """Return the effect of one vector, with an interval over prompts."""
    return {
        "shift": bootstrap_mean(one.shifts, np.random.default_rng(0)),
        "share": one.measured.share,
        "+loss": one.loss_rise,
        "KL": one.measured.kl,
    }


def shown_attempts(tried: Sequence[Tried], method: str) -> list[Tried]:
    """Return the attempts that have a row or a line of their own.

    The random directions, means over fewer pairs, and reversed vectors have none, except the
    reversed vector of the method in question.
    """

    def shown(name: str) -> bool:
        if name.endswith(REVERSED):
            return name == f"{method}{REVERSED}"
        return name != RANDOM and " pairs" not in name

    return [one for one in tried if shown(one.vector)]


def effect_row(one: Tried, tried: Sequence[Tried]) -> dict[str, Any]:
    """Return the effect of one vector, of its reverse and of the random directions beside it."""
    reverse = [
        other.shift
        for other in tried
        if (other.layer, other.strength) == (one.layer, one.strength)
        and other.vector == f"{one.vector}{REVERSED}"
    ]
    random = random_range(tried, one.layer, one.strength)
    losses = [
        other.loss_rise
        for other in tried
        if (other.layer, other.strength, other.vector) == (one.layer, one.strength, RANDOM)
    ]
    place = {"layer": one.layer, "strength": one.strength, "vector": one.vector}
    return (
        place
        | effect_of(one)
        | ({"reversed": reverse[0]} if reverse else {})
        | {
            "random": Estimate(
                float(random.mean()), float(random[0]), float(random[-1]), len(random)
            ),
            "p": control_p(one, list(random)),
            "random +loss": float(np.nanmean(losses)),
        }
    )


def flat_row(one: Tried) -> dict[str, Any]:
    """Return the effect of one vector as plain numbers."""
    return {
        "layer": one.layer,
        "strength": one.strength,
        "vector": one.vector,
        "draw": one.draw,
        "shift": one.shift,
        "share": one.measured.share,
        "loss_rise": one.loss_rise,
        "kl": one.measured.kl,
    }


@dataclass(frozen=True)
class PromptSlopes:
    """Slopes of the score of each prompt over the strength, at one layer."""

    layer: int
    slopes: np.ndarray[tuple[int], np.dtype[np.float64]]
    more: Mapping[str, float] = field(default_factory=dict)
    """Further columns of the row."""

    @property
    def row(self) -> dict[str, Any]:
        """Return the mean slope, and the share of prompts that move the wrong way."""
        return {
            "layer": self.layer,
            "slope": bootstrap_mean(self.slopes, np.random.default_rng(0)),
            "anti-steerable": proportion(int((self.slopes < 0).sum()), len(self.slopes)),
            **self.more,
        }


def prompt_slopes(
    tried: Sequence[Tried], method: str
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the slope of each prompt over a method's smallest strength, in both signs."""
    least = min(one.strength for one in tried)
    signs = {method: 1, f"{method}{REVERSED}": -1}
    return slopes(
        [
            with_sign(one, signs[one.vector])
            for one in tried
            if one.vector in signs and one.strength == least
        ]
    )
