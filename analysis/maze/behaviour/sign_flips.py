"""How the sign of a variable's coefficient depends on which other variables are fitted with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from chisel.analysis.maze.behaviour.regression import Data, fit
from chisel.analysis.results import Estimate, Tree

SUBSETS = 200
"""Number of random subsets, as in the published statistics."""


@dataclass(frozen=True)
class SignTest:
    """How a variable's coefficient behaves over random subsets of all variables."""

    name: str
    alone: int
    """Its sign when it is the only variable: -1, 0 or 1."""
    subsets: int
    """Number of random subsets that it was in."""
    flips: float
    """Share of these in which its sign was the opposite one; nan if it was in none."""
    zeros: float
    """Share of these in which the penalty set its coefficient to 0."""

    def to_tree(self) -> Tree:
        """Return the sign alone, and the shares of flips and zeros, by name."""
        values = {"alone": float(self.alone), "flips": self.flips, "zeros": self.zeros}
        return {name: Estimate(value, nan, nan, self.subsets) for name, value in values.items()}


def sign_flips(
    data: Data, generator: np.random.Generator, *, subsets: int = SUBSETS
) -> list[SignTest]:
    """Fit random subsets of the variables and count changes of sign.

    A variable is in each subset with probability one half; empty subsets are drawn again. The
    coefficient of a variable whose sign flips often reflects its correlation with the other
    variables more than the agent.

    Args:
        data: All variables.
        generator: Draws the subsets and seeds the solver.
        subsets: Number of subsets.
    """
    count = len(data.names)
    alone = [_signs(data, [place], generator)[0] for place in range(count)]
    in_subsets: Sequence[list[int]] = [[] for _ in range(count)]
    for _ in range(subsets):
        chosen = np.flatnonzero(generator.random(count) < 0.5).tolist()
        while not chosen:
            chosen = np.flatnonzero(generator.random(count) < 0.5).tolist()
        for place, sign in zip(chosen, _signs(data, chosen, generator), strict=True):
            in_subsets[place].append(sign)
    return [
        SignTest(
            name,
            alone[place],
            len(in_subsets[place]),
            _share([sign == -alone[place] != 0 for sign in in_subsets[place]]),
            _share([sign == 0 for sign in in_subsets[place]]),
        )
        for place, name in enumerate(data.names)
    ]


def _signs(data: Data, places: list[int], generator: np.random.Generator) -> list[int]:
    line = fit(data.z[:, places], data.y, generator)
    signs: list[int] = np.sign(line.coefficients).astype(int).tolist()
    return signs


def _share(happened: list[bool]) -> float:
    return float(np.mean(happened)) if happened else nan
