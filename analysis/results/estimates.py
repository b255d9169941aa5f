"""Estimates with 95 % intervals."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

_NORMAL_975 = 1.959963984540054
"""97.5 % quantile of the normal distribution: half of the 5 % lies above it."""


_WAYS = 200_000
"""Ways to deal values to two groups that `permutation_p` counts out."""

FEW = 30
"""Below so many values a bootstrap interval is too narrow, and Student's t stands in for it."""


@dataclass(frozen=True)
class Estimate:
    """A value with the ends of its 95 % interval."""

    value: float
    low: float
    """nan where the data say nothing about the spread (a single run, for instance)."""
    high: float
    n: int
    """What it was estimated from: episodes, layouts, seeds."""
    within: tuple[float, float] | None = field(default=None, compare=False, repr=False)
    """The least and the largest value that the quantity can have, where that is known."""

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
        return Estimate(math.nan, math.nan, math.nan, 0, (0, 1))
    p, z2 = successes / n, _NORMAL_975**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _NORMAL_975 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Estimate(p, low, high, n, (0, 1))


def mean_over_seeds(values: ArrayLike, *, within: tuple[float, float] | None = None) -> Estimate:
    """A mean of few independent runs with Student's t interval, cut to `within` where it is known.

    Also of few mazes of which each is a mean over many squares. It leans on values being roughly
    normal around their mean. Where a run fails now and then it covers far less than it says, and no
    formula mends that: show the runs themselves. Runs that are all equal say nothing of their
    spread: the ends are nan, or as `bootstrap_mean` has them.

    Args:
        values: One of each run, `[n]`.
        within: The least and the largest value that the quantity can have.

    Raises:
        ValueError: If a value lies outside `within`.
    """
    sample = _sample(values, within)
    n = len(sample)
    mean = float(sample.mean()) if n else math.nan
    if n < 2:
        return Estimate(mean, math.nan, math.nan, n, within)
    if np.ptp(sample) == 0:
        if within is None or not np.isfinite(within).all():
            return Estimate(mean, math.nan, math.nan, n, within)
        return bootstrap_mean(sample, np.random.default_rng(0), within=within)
    half = t_quantile(n) * float(sample.std(ddof=1)) / math.sqrt(n)
    low, high = (-math.inf, math.inf) if within is None else within
    return Estimate(mean, max(mean - half, low), min(mean + half, high), n, within)


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
    """A mean of many independent values (levels, layouts, episodes) with its interval.

    Without a range: Student's t below 30 values, from there on the percentile bootstrap, widened as
    much as t is wider than the normal (Hesterberg 2015). Values that are all equal have no
    interval then.

    Within a range: values get random weights (the Bayesian bootstrap), together with one value more
    at that end of the range to which the interval is sought (Gaffke 2005). It never leaves the
    range, has a width where all values are equal, is that of Clopper and Pearson for values at the
    two ends only, and covers with few values and near the ends, too. The price: few values that
    hardly differ have a wider interval than t would give them.

    Args:
        values: `[n]`.
        generator: Source of the draws.
        resamples: How often weights are drawn.
        within: The least and the largest value that the quantity can have, such as (0, 1) for a
            probability and (-1, 1) for the change of one; finite.

    Raises:
        ValueError: If a value lies outside `within`.
    """
    sample = _sample(values, within)
    n = len(sample)
    if n < 2 or (within is None and (n < FEW or np.ptp(sample) == 0)):
        return mean_over_seeds(sample, within=within)
    # How often each value is drawn: as good as drawing indices, with far less to add up.
    distinct, counts = np.unique(sample, return_counts=True)
    if within is None:
        draws = generator.multinomial(n, counts / n, size=resamples)
        tail = special.ndtr(-t_quantile(n) * math.sqrt(n / (n - 1)))
        low, high = np.quantile(draws @ distinct / n, [tail, 1 - tail])
    else:
        low, high = _ends_within(distinct, counts, generator, resamples, within)
    return Estimate(float(sample.mean()), float(low), float(high), n, within)


def median(values: ArrayLike) -> Estimate:
    """A median with the interval between two of the values, which covers at least 95 %.

    How many of n values lie below the median is binomial, whatever their distribution. Fewer than
    six have no such interval.
    """
    sample = np.sort(np.asarray(values, np.float64))
    n = len(sample)
    middle = float(np.median(sample)) if n else math.nan
    below = int(np.count_nonzero(special.bdtr(np.arange(n // 2), n, 0.5) <= 0.025))
    if not below:
        return Estimate(middle, math.nan, math.nan, n)
    return Estimate(middle, float(sample[below - 1]), float(sample[-below]), n)


def permutation_p(first: Sequence[float], second: Sequence[float]) -> float:
    """Exact two-sided p that two groups of seeds differ in their mean by chance alone.

    The share of all ways to deal the values to groups of these sizes in which the means are at
    least as far apart as they are. Of three and three it is .1 at best. More than 200,000 ways are
    not counted out: then it is estimated from so many random ones, of a fixed seed.

    Raises:
        ValueError: If a group is empty.
    """
    if not len(first) or not len(second):
        raise ValueError("a group without values cannot be compared")
    values, n = np.array([*first, *second], np.float64), len(first)
    ways = math.comb(len(values), n)
    if ways <= _WAYS:
        dealt = np.array(list(itertools.combinations(range(len(values)), n)))
    else:
        draws = np.random.default_rng(0).random((_WAYS, len(values)))
        dealt = np.argpartition(draws, n - 1, axis=1)[:, :n]
    sums = values[dealt].sum(axis=1)
    apart = np.abs(sums / n - (values.sum() - sums) / (len(values) - n))
    # What is equal may differ in its last bits, by the order of the sum.
    as_far = apart >= abs(np.mean(first) - np.mean(second)) - 1e-9 * max(
        1.0, float(np.abs(values).max())
    )
    if ways <= _WAYS:
        return float(as_far.mean())
    return float((1 + as_far.sum()) / (1 + len(as_far)))


def band(
    curves: Sequence[NDArray[np.float64]], *, within: tuple[float, float] | None = None
) -> tuple[NDArray[np.float64], ...]:
    """Mean curve `[T]` and the ends of its t interval over curves `[T]`, cut to `within`; nan with
    one curve.
    """
    stacked = np.stack(curves)
    mean = stacked.mean(axis=0)
    if len(stacked) < 2:
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    half = t_quantile(len(stacked)) * stacked.std(axis=0, ddof=1) / math.sqrt(len(stacked))
    low, high = (-np.inf, np.inf) if within is None else within
    return mean, np.maximum(mean - half, low), np.minimum(mean + half, high)


def _ends_within(
    distinct: NDArray[np.float64],
    counts: NDArray[np.int64],
    generator: np.random.Generator,
    resamples: int,
    within: tuple[float, float],
) -> tuple[float, float]:
    """Ends of the interval of a mean of `distinct` values that came up `counts` times."""
    weights = generator.standard_gamma(counts, size=(resamples, len(counts)))
    more = generator.standard_gamma(1.0, size=resamples)
    sums, total = weights @ distinct, weights.sum(axis=1) + more
    low = np.quantile((sums + more * within[0]) / total, 0.025)
    high = np.quantile((sums + more * within[1]) / total, 0.975)
    return max(float(low), within[0]), min(float(high), within[1])


def _sample(values: ArrayLike, within: tuple[float, float] | None) -> NDArray[np.float64]:
    """Values as floats; those beyond the range by rounding alone are put back into it."""
    sample = np.asarray(values, np.float64)
    if within is None or not len(sample):
        return sample
    rounding = 1e-6 * (within[1] - within[0])
    if sample.min() < within[0] - rounding or sample.max() > within[1] + rounding:
        raise ValueError(f"values from {sample.min()} to {sample.max()} are not within {within}")
    return sample.clip(*within)
