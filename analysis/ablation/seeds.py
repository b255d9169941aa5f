"""Ablation matrices of several seeds as one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from chisel.analysis.ablation.matrix import AblationMatrix, Row
from chisel.analysis.results import Estimate, mean_over_seeds


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
    metrics = {name: _mean([row.metrics[name] for row in rows]) for name in first.metrics}
    return dataclasses.replace(
        first,
        metrics=metrics,
        change={name: _mean([row.change[name] for row in rows]) for name in first.change},
        values={name: np.array([row.metrics[name].value for row in rows]) for name in metrics},
    )


def _mean(estimates: Sequence[Estimate]) -> Estimate:
    ranges = {one.within for one in estimates}
    within = ranges.pop() if len(ranges) == 1 else None
    return mean_over_seeds([one.value for one in estimates], within=within)
