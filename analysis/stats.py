"""Estimates with 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

_NORMAL_975 = 1.959963984540054
"""97.5 % quantile of the normal distribution: half of the 5 % lies above it."""


@dataclass(frozen=True)
class Estimate:
    """A value with the ends of its 95 % interval."""

    value: float
    low: float
    """nan where the data say nothing about the spread (a single run, for instance)."""
    high: float
    n: int
    """What it was estimated from: episodes, seeds."""

    def to_plain(self) -> dict[str, float | int | None]:
        """For JSON, which knows no nan: null."""
        ends = {"value": self.value, "low": self.low, "high": self.high}
        return {k: None if math.isnan(v) else v for k, v in ends.items()} | {"n": self.n}


def proportion(successes: int, n: int) -> Estimate:
    """A proportion with its Wilson score interval (Wilson 1927), sane at 0 and 1.

    Raises:
        ValueError: If `successes` is not in 0…n.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    p, z2 = successes / n, _NORMAL_975**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _NORMAL_975 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Estimate(p, low, high, n)


def mean_over_seeds(values: ArrayLike) -> Estimate:
    """A mean of few independent runs with Student's t interval."""
    sample = np.asarray(values, np.float64)
    n = len(sample)
    if n < 2:
        return Estimate(float(sample.mean()) if n else math.nan, math.nan, math.nan, n)
    half = t_quantile(n) * sample.std(ddof=1) / math.sqrt(n)
    mean = float(sample.mean())
    return Estimate(mean, mean - float(half), mean + float(half), n)


def t_quantile(n: int) -> float:
    """97.5 % quantile of Student's t with n - 1 degrees of freedom."""
    return float(special.stdtrit(n - 1, 0.975))


def bootstrap_mean(
    values: ArrayLike,
    generator: np.random.Generator,
    *,
    resamples: int = 2000,
    within: tuple[float, float] | None = None,
) -> Estimate:
    """A mean of many episodes with its percentile bootstrap interval.

    Args:
        values: Of each episode.
        generator: Of the draws.
        resamples: How often episodes are redrawn.
        within: What the values cannot leave, such as 0…1.
    """
    del within  # a percentile interval stays where the values are
    sample = np.asarray(values, np.float64)
    n = len(sample)
    if n < 2:
        return Estimate(float(sample.mean()) if n else math.nan, math.nan, math.nan, n)
    # How often each value is drawn: as good as drawing indices, with far less to add up.
    distinct, counts = np.unique(sample, return_counts=True)
    draws = generator.multinomial(n, counts / n, size=resamples)
    low, high = np.quantile(draws @ distinct / n, [0.025, 0.975])
    return Estimate(float(sample.mean()), float(low), float(high), n)


def band(curves: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.float64], ...]:
    """Mean curve `[T]` and the ends of its t interval over curves `[T]`; nan with one curve."""
    stacked = np.stack(curves)
    mean = stacked.mean(axis=0)
    if len(stacked) < 2:
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    half = t_quantile(len(stacked)) * stacked.std(axis=0, ddof=1) / math.sqrt(len(stacked))
    return mean, mean - half, mean + half
