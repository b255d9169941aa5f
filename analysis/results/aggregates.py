"""Robust aggregates of ten or more runs, with bootstrap intervals.

The measures are those of Agarwal et al. (2021), "Deep RL at the edge of the statistical precipice".
Every function takes the scores of runs as one array `[n]` for each task; a single task is a list of
one array. Intervals are 95 % and come from a stratified bootstrap: runs are redrawn within each
task, independently of the other tasks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from chisel.analysis.results.estimates import Estimate, widened_tail

Floats = NDArray[np.float64]

FEWEST_RUNS = 10
"""Number of runs of each task below which the functions raise."""

_RESAMPLES = 2000


def interquartile_mean(tasks: Sequence[ArrayLike], generator: np.random.Generator) -> Estimate:
    """Return the mean of the middle half of all scores.

    The interval is a percentile bootstrap, widened by as much as Student's t is wider than the
    normal distribution (Hesterberg 2015). Its ends are NaN if all redrawn means are equal.

    Args:
        tasks: Scores of the runs of each task, `[n]` each.
        generator: Source of the draws.

    Raises:
        ValueError: If a task has fewer than ten runs.
    """
    scores = _checked(tasks)
    drawn = [one[generator.integers(len(one), size=(_RESAMPLES, len(one)))] for one in scores]
    tail = widened_tail(min(map(len, scores)))
    low, high = np.quantile(_middle_half(np.hstack(drawn)), [tail, 1 - tail])
    if low == high:
        low = high = np.nan
    values = np.concatenate(scores)
    return Estimate(float(_middle_half(values)), float(low), float(high), len(values))


def probability_of_improvement(
    first: Sequence[ArrayLike], second: Sequence[ArrayLike], generator: np.random.Generator
) -> Estimate:
    """Return the probability that a run of the first kind scores higher than one of the second.

    A tie counts one half. The probability is the Mann-Whitney U divided by the number of pairs, and
    over several tasks the mean of theirs; `n` is the number of runs of the smaller kind. For the
    interval, runs get random weights (the Bayesian bootstrap). For each end of the interval the
    smaller group of each task gets one more run, which wins or loses against all (after Gaffke
    2005). So the interval has a width even if all runs of one kind are better, and its coverage is
    right near 0 and 1.

    Args:
        first: Scores of the runs of each task, `[n]` each.
        second: Scores of the other kind on the same tasks, `[m]` each.
        generator: Source of the draws.

    Raises:
        ValueError: If a task has fewer than ten runs, or the two have different numbers of tasks.
    """
    pairs = list(zip(_checked(first), _checked(second), strict=True))
    values, lows, highs = [], np.zeros(_RESAMPLES), np.zeros(_RESAMPLES)
    for ours, theirs in pairs:
        above = ours[:, None] - theirs
        wins = np.heaviside(above if len(ours) <= len(theirs) else above.T, 0.5)
        values.append(wins.mean())
        weights = generator.standard_exponential((_RESAMPLES, len(wins) + 1))
        shares = generator.dirichlet(np.ones(wins.shape[1]), _RESAMPLES) @ wins.T
        sums, total = (weights[:, :-1] * shares).sum(axis=1), weights.sum(axis=1)
        lows += sums / total
        highs += (sums + weights[:, -1]) / total
    n = min(sum(map(len, kind)) for kind in zip(*pairs, strict=True))
    low, high = _ends(lows / len(pairs), highs / len(pairs))
    return Estimate(float(np.mean(values)), float(low), float(high), n, (0, 1))


def performance_profile(
    tasks: Sequence[ArrayLike], thresholds: ArrayLike, generator: np.random.Generator
) -> pd.DataFrame:
    """Return the share of runs that score more than each threshold, mean over tasks.

    Each threshold has its own interval, like that of `bootstrap_mean` for a share. Together the
    intervals are no band for the curve as a whole.

    Args:
        tasks: Scores of the runs of each task, `[n]` each.
        thresholds: Scores `[T]`.
        generator: Source of the draws.

    Returns:
        A row for each threshold: `threshold`, `share`, `low`, `high`.

    Raises:
        ValueError: If a task has fewer than ten runs.
    """
    scores, levels = _checked(tasks), np.asarray(thresholds, np.float64)
    share, lows, highs = np.zeros((3, 1, len(levels)))
    for one in scores:
        above = (one[:, None] > levels).astype(np.float64)
        weights = generator.dirichlet(np.ones(len(one) + 1), _RESAMPLES)
        sums = weights[:, :-1] @ above
        share = share + above.mean(axis=0)
        lows, highs = lows + sums, highs + sums + weights[:, -1:]
    low, high = _ends(lows / len(scores), highs / len(scores))
    columns = {"threshold": levels, "share": share[0] / len(scores), "low": low, "high": high}
    return pd.DataFrame(columns)


def _checked(tasks: Sequence[ArrayLike]) -> list[Floats]:
    scores = [np.asarray(task, np.float64) for task in tasks]
    fewest = min(map(len, scores), default=0)
    if fewest < FEWEST_RUNS:
        raise ValueError(
            f"{fewest} runs of a task: aggregates need {FEWEST_RUNS}; show the runs, and the mean "
            "with mean_over_seeds"
        )
    return scores


def _ends(lows: Floats, highs: Floats) -> Floats:
    """Return the ends of intervals of shares, whose draws are along the first axis."""
    ends = [np.quantile(lows, 0.025, axis=0), np.quantile(highs, 0.975, axis=0)]
    return np.clip(ends, 0, 1)  # rounding may bring sums of weights beyond 1


def _middle_half(values: Floats) -> Floats:
    """Return the mean of the last axis without its lowest and highest quarter, rounded down."""
    cut = values.shape[-1] // 4
    middle: Floats = np.sort(values, axis=-1)[..., cut : values.shape[-1] - cut].mean(axis=-1)
    return middle
