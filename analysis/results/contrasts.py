"""Compare two groups of seeds by a metric: p, interquartile means, performance profiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from chisel.analysis.results.aggregates import (
    FEWEST_RUNS,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
)
from chisel.analysis.results.estimates import Estimate, permutation_p
from chisel.analysis.results.lines import Line
from chisel.analysis.results.stored_evaluation import Better

_THRESHOLDS = 201
"""Number of points of a performance profile."""


@dataclass(frozen=True)
class Contrast:
    """The comparison of two groups of seeds by one metric."""

    p: float
    """Probability that the means differ by chance alone; see `permutation_p`."""
    middle: tuple[Estimate, ...] = ()
    """Interquartile mean of each group; empty below ten seeds."""
    improvement: Estimate | None = None
    """Probability that a run of the first group is better than one of the second; `None` below ten
    seeds, and where it is not known which way is better."""


def contrasts_of(
    lines: Sequence[Line], shown: Iterable[str], *, alike: bool
) -> dict[str, Contrast]:
    """Compare two groups of seeds by each metric; return nothing unless there are two lines.

    Args:
        lines: The lines of a comparison.
        shown: Metrics to compare.
        alike: Whether the evaluations of the lines have equal settings.
    """
    if len(lines) != 2:
        return {}
    first, second = lines
    known = [*first.last, *(first.evaluation if alike else ())]
    names = [name for name in shown if name in known]
    groups = {name: (first.of_seeds(name), second.of_seeds(name)) for name in names}
    return {
        name: _contrast(ours, theirs, first.better.get(name))
        for name, (ours, theirs) in groups.items()
        if min(len(ours), len(theirs)) > 1
    }


def _contrast(first: Sequence[float], second: Sequence[float], better: Better) -> Contrast:
    p, draws = permutation_p(first, second), np.random.default_rng(0)
    if min(len(first), len(second)) < FEWEST_RUNS:
        return Contrast(p)
    middle = tuple(interquartile_mean([group], draws) for group in (first, second))
    if better is None:
        return Contrast(p, middle)
    ours, theirs = (np.array(group) * (-1 if better == "lower" else 1) for group in (first, second))
    return Contrast(p, middle, probability_of_improvement([ours], [theirs], draws))


def profiles_of(
    lines: Sequence[Line], contrasts: Mapping[str, Contrast], shown: Mapping[str, str]
) -> dict[str, dict[str, pd.DataFrame]]:
    """Return the performance profile of each metric and line with ten seeds or more."""
    profiles = {}
    for name in (name for name, found in contrasts.items() if found.middle):
        groups, draws = [line.of_seeds(name) for line in lines], np.random.default_rng(0)
        together = np.concatenate(groups)
        levels = np.linspace(together.min(), together.max(), _THRESHOLDS)
        words = f"{shown[name]} (n = {' and '.join(str(len(g)) for g in groups)})"
        profiles[words] = {
            line.label: performance_profile([group], levels, draws)
            for line, group in zip(lines, groups, strict=True)
        }
    return profiles
