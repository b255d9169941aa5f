"""Collect choices at decision squares under one condition, for one agent or over seeds."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chisel.analysis.maze import CHOICES
from chisel.analysis.results import Estimate, bootstrap_mean, mean_over_seeds, median


@dataclass(frozen=True)
class Row:
    """Choices of one agent at the decision squares of `m` mazes under one condition."""

    name: str
    """Name of the condition."""
    choices: NDArray[np.float64]
    """P(cheese), P(corner) and P(neither) in each maze, `[m, 3]`."""
    mazes: NDArray[np.int64]
    """Numbers of the mazes in the setup, `[m]`."""
    module: str | None = None
    """Module whose output was edited."""
    coeff: float | None = None
    """Factor by which the vector was multiplied before it was added."""

    @property
    def count(self) -> int:
        """Return the number of mazes."""
        return len(self.mazes)

    def of(self, choice: str) -> NDArray[np.float64]:
        """Return the probability of one choice in each maze, `[m]`."""
        return self.choices[:, CHOICES.index(choice)]

    # It is cached, since tables, figures and files read it many times, and a sweep has many rows.
    @functools.cached_property
    def over_mazes(self) -> dict[str, dict[str, Estimate]]:
        """The `mean` and `median` of each choice over mazes, with intervals."""
        means = {
            choice: bootstrap_mean(self.of(choice), np.random.default_rng(0), within=(0, 1))
            for choice in CHOICES
        }
        return {"mean": means, "median": {choice: median(self.of(choice)) for choice in CHOICES}}


@dataclass(frozen=True)
class SeedRow:
    """Choices under one condition of several agents that differ in their seed.

    The value of each seed is its mean, or median, over mazes. Intervals are Student's t over seeds.
    """

    name: str
    module: str | None
    coeff: float | None
    seeds: tuple[Row, ...]
    """The row of each seed."""

    @property
    def count(self) -> int:
        """Return the number of seeds."""
        return len(self.seeds)

    @functools.cached_property
    def over_mazes(self) -> dict[str, dict[str, Estimate]]:
        """Means over seeds of the `mean` and the `median` of each choice over mazes."""
        return {
            name: {
                choice: mean_over_seeds(
                    [average(row.of(choice)) for row in self.seeds], within=(0, 1)
                )
                for choice in CHOICES
            }
            for name, average in (("mean", np.mean), ("median", np.median))
        }


Condition: TypeAlias = Row | SeedRow
"""A row of tables and figures, about one agent or several seeds."""


def join_rows(of_each: Sequence[Sequence[Row]]) -> list[SeedRow]:
    """Join the rows of several seeds that have the same condition.

    Conditions that some seed lacks are left out.

    Args:
        of_each: The rows of each seed; at least one seed.
    """
    tables = [{(row.name, row.module, row.coeff): row for row in rows} for rows in of_each]
    return [
        SeedRow(*condition, tuple(table[condition] for table in tables))
        for condition in tables[0]
        if all(condition in table for table in tables)
    ]


def choices_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return a table with a row for each condition and maze.

    Its columns are the condition's `name`, `module` and `coeff`, the maze's number `maze`, and the
    probability of each of `CHOICES`.
    """
    return pd.DataFrame(
        [
            {"name": row.name, "module": row.module or "", "coeff": row.coeff or 0.0, "maze": maze}
            | dict(zip(CHOICES, choices, strict=True))
            for row in rows
            for maze, choices in zip(row.mazes.tolist(), row.choices.tolist(), strict=True)
        ]
    )


def plain_row(row: Condition) -> dict[str, Any]:
    """Return the condition, and mean and median of each choice, in plain values for JSON."""
    return {
        "name": row.name,
        "module": row.module,
        "coeff": row.coeff,
        **{
            choice: {name: found[choice] for name, found in row.over_mazes.items()}
            for choice in CHOICES
        },
    }
