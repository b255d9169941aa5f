"""What mice choose at decision squares under one condition: of one agent, or over seeds."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from chisel.analysis.maze import CHOICES
from chisel.analysis.results import Estimate, Frame, bootstrap_mean, mean_over_seeds, median


class Condition(Protocol):
    """What tables and figures need of a row."""

    @property
    def name(self) -> str:
        """What was done."""

    @property
    def module(self) -> str | None:
        """Where."""

    @property
    def coeff(self) -> float | None:
        """How often it was added."""

    @property
    def count(self) -> int:
        """Mazes, or seeds."""

    def mean(self, choice: str) -> Estimate:
        """Mean over mazes of the probability of one of `CHOICES`."""

    def median(self, choice: str) -> Estimate:
        """Median over mazes."""

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""


@dataclass(frozen=True)
class Row:
    """What the mouse chose at the decision squares of some mazes under one condition."""

    name: str
    choices: NDArray[np.float64]
    """P(cheese), P(corner), P(neither), `[m, 3]`."""
    mazes: NDArray[np.int64]
    """Which of the bench's mazes, `[m]`."""
    module: str | None = None
    coeff: float | None = None

    @property
    def count(self) -> int:
        """Number of mazes."""
        return len(self.mazes)

    def of(self, choice: str) -> NDArray[np.float64]:
        """The probability of one choice in each maze `[m]`."""
        return self.choices[:, CHOICES.index(choice)]

    def mean(self, choice: str) -> Estimate:
        """Mean of one choice over mazes, with its bootstrap interval."""
        return self._means[choice]

    def median(self, choice: str) -> Estimate:
        """Median of one choice over mazes, with its exact interval."""
        return self._medians[choice]

    # Tables, figures and files ask for these again and again; a sweep has hundreds of rows.
    @functools.cached_property
    def _means(self) -> dict[str, Estimate]:
        return {
            choice: bootstrap_mean(self.of(choice), np.random.default_rng(0), within=(0, 1))
            for choice in CHOICES
        }

    @functools.cached_property
    def _medians(self) -> dict[str, Estimate]:
        return {choice: median(self.of(choice)) for choice in CHOICES}

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return _plain(self)


@dataclass(frozen=True)
class SeedRow:
    """The same condition of several agents that differ in their seed: means over these.

    Each seed counts with its mean, or median, over mazes; intervals are Student's t over seeds.
    """

    seeds: tuple[Row, ...]

    @property
    def name(self) -> str:
        """What was done."""
        return self.seeds[0].name

    @property
    def module(self) -> str | None:
        """Where."""
        return self.seeds[0].module

    @property
    def coeff(self) -> float | None:
        """How often it was added."""
        return self.seeds[0].coeff

    @property
    def count(self) -> int:
        """Number of seeds."""
        return len(self.seeds)

    def mean(self, choice: str) -> Estimate:
        """Mean over seeds of the mean over mazes."""
        return mean_over_seeds([row.of(choice).mean() for row in self.seeds], within=(0, 1))

    def median(self, choice: str) -> Estimate:
        """Mean over seeds of the median over mazes."""
        return mean_over_seeds([np.median(row.of(choice)) for row in self.seeds], within=(0, 1))

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return _plain(self)


def join_rows(of_each: Sequence[Sequence[Row]]) -> list[SeedRow]:
    """Rows of several seeds by their condition; those that some seed lacks are left out.

    Args:
        of_each: The rows of each seed, at least one seed.
    """
    tables = [{(row.name, row.module, row.coeff): row for row in rows} for rows in of_each]
    return [
        SeedRow(tuple(table[condition] for table in tables))
        for condition in tables[0]
        if all(condition in table for table in tables)
    ]


def choices_frame(rows: Sequence[Row]) -> Frame:
    """A row for each condition and maze: its name, module and coefficient, the maze's number, and
    the probability of each of `CHOICES`.
    """
    return Frame.of_rows(
        [
            {"name": row.name, "module": row.module or "", "coeff": row.coeff or 0.0, "maze": maze}
            | dict(zip(CHOICES, choices, strict=True))
            for row in rows
            for maze, choices in zip(row.mazes.tolist(), row.choices.tolist(), strict=True)
        ]
    )


def _plain(row: Condition) -> dict[str, Any]:
    about: dict[str, Any] = {"name": row.name, "module": row.module, "coeff": row.coeff}
    for choice in CHOICES:
        mean, median = row.mean(choice).to_plain(), row.median(choice).to_plain()
        about[choice] = {"mean": mean, "median": median}
    return about
