"""Ablation matrices of several seeds as one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from analysis.ablation_matrix import AblationMatrix, Row
from analysis.stats import mean_over_seeds


def over_seeds(matrices: Sequence[AblationMatrix]) -> AblationMatrix:
    """Means over runs, with intervals over them; a lone matrix as it is.

    Each run's value is its own estimate, so `values` of a row has one entry per run. Random
    regions of the same number are other units in every run.

    Args:
        matrices: Of runs that differ in their seed only.
    """
    if len(matrices) == 1:
        return matrices[0]
    rows = [_row([matrix[row.name] for matrix in matrices]) for row in matrices[0].rows]
    return dataclasses.replace(matrices[0], rows=tuple(rows), layout_of=None)


def _row(rows: Sequence[Row]) -> Row:
    first = rows[0]
    values = {name: np.array([row.metrics[name].value for row in rows]) for name in first.metrics}
    changes = {name: [row.change[name].value for row in rows] for name in first.change}
    return Row(
        name=first.name,
        kind=first.kind,
        like=first.like,
        metrics={name: mean_over_seeds(column) for name, column in values.items()},
        change={name: mean_over_seeds(column) for name, column in changes.items()},
        values=values,
    )
