"""Estimates with 95 % intervals."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

_NORMAL_975 = 1.959963984540054
"""97.5 % quantile of the normal distribution, above which half of the 5 % lie."""

_MOST_ASSIGNMENTS = 200_000
"""Largest number of assignments of values to two groups that `permutation_p` enumerates."""

_RARE = 3
"""Number of successes or failures up to which Wilson's interval is widened."""

_SYMMETRIC = 1e-6
"""Skewness below which Hall's transformation is skipped, since it would divide by zero."""

FEW = 30
"""Number of values below which Student's t replaces the bootstrap, which is then too narrow."""


@dataclass(frozen=True)
class Estimate:
    """A value with the ends of its 95 % interval."""

    value: float
    low: float
    """Lower end; NaN if the data do not determine the spread, as for a single run."""
    high: float
    """Upper end, or NaN."""
    n: int
    """Number of episodes, layouts or seeds that the value was estimated from."""
    within: tuple[float, float] | None = field(default=None, repr=False)
    """Smallest and largest possible value of the quantity, if they are known."""

    def __eq__(self, other: object) -> bool:
        """Return whether all numbers are equal; two NaN are equal here, unlike floats."""
        return isinstance(other, Estimate) and self._numbers() == other._numbers()

    def __hash__(self) -> int:
        return hash(self._numbers())

    def _numbers(self) -> tuple[float | None, ...]:
        numbers = (self.value, self.low, self.high, self.n)
        return tuple(None if math.isnan(one) else one for one in numbers)

    def text(self, form: str) -> str:
        """Return the value and its interval, like `0.50 (0.40, 0.60)`, or the value alone.

        Args:
            form: Format of each number, like `.2f`.
        """
        if math.isnan(self.low):
            return number_text(self.value, form)
        value, low, high = (number_text(one, form) for one in (self.value, self.low, self.high))
        return f"{value} ({low}, {high})"


def footnote_on_equal(estimates: Iterable[Estimate]) -> str:
    """Return a footnote if the mean of several values has no interval, else an empty text.

    Args:
        estimates: Means of values in a table.
    """
    equal = any(e.n > 1 and math.isfinite(e.value) and math.isnan(e.low) for e in estimates)
    return "no interval where all values are equal" if equal else ""


def number_text(value: float, form: str) -> str:
    """Return a number in a format like `.2f`; a number that rounds to zero has no minus."""
    text = f"{value:{form}}"
    return text.lstrip("-") if not text.strip("-0.") else text


Tree: TypeAlias = Mapping[str, Any]
"""Estimates by name, in nested mappings."""


def proportion(successes: int, n: int) -> Estimate:
    """Return a proportion with its Wilson score interval (Wilson 1927).

    With one to three successes (or failures) the end next to 0 (or 1) is that of a Poisson number,
    if it lies farther out (Brown, Cai and DasGupta 2001), since Wilson's own interval covers rates
    of about .2/n only 84 % of the time.

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
    low, high = centre - half, centre + half
    if successes <= _RARE:
        low = min(low, float(special.gammaincinv(successes, 0.05)) / n) if successes else 0.0
    if n - successes <= _RARE:
        low_of_failures = float(special.gammaincinv(n - successes, 0.05)) / n
        high = max(high, 1 - low_of_failures) if successes < n else 1.0
    return Estimate(p, low, high, n, (0, 1))


def mean_of_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the first axis without NaN; NaN where all values are NaN."""
    known = (~np.isnan(values)).sum(axis=0)
    return np.asarray(np.nansum(values, axis=0) / np.where(known == 0, np.nan, known))


def mean_over_seeds(values: ArrayLike, *, within: tuple[float, float] | None = None) -> Estimate:
    """Return the mean of few independent runs with Student's t interval, cut to `within`.

    It is also right for few mazes whose values are means over many squares. It assumes that values
    are roughly normal around their mean. If a run fails now and then, the interval covers far less
    than 95 %, and no formula mends that: show the runs themselves. Equal runs do not determine
    their spread, so the ends are NaN, or those of `bootstrap_mean` if the range is known.

    Args:
        values: One value of each run, `[n]`.
        within: Smallest and largest possible value of the quantity.

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


def ratio_of_means(above: ArrayLike, below: ArrayLike) -> Estimate:
    """Return the ratio of the means of pairs of values, with Fieller's interval (1954).

    Pairs are, for instance, runs of two methods on the same level set. Correlation within pairs
    makes the interval narrower. Its ends are NaN if it is not bounded: with fewer than two pairs,
    if the denominator's mean does not differ from 0, and if all pairs are proportional.

    Args:
        above: Values of the numerator `[n]`.
        below: Values of the denominator, in the same order `[n]`.

    Raises:
        ValueError: If the two have different lengths.
    """
    pairs = np.stack([np.asarray(above, np.float64), np.asarray(below, np.float64)])
    n = pairs.shape[1]
    mean_above, mean_below = pairs.mean(axis=1).tolist() if n else (math.nan, math.nan)
    value = mean_above / mean_below if mean_below else math.nan
    unknown = Estimate(value, math.nan, math.nan, n)
    if n < 2 or math.isnan(value):
        return unknown
    (var_above, both), (_, var_below) = (np.cov(pairs) * t_quantile(n) ** 2 / n).tolist()
    # The interval has all r for which (mean_above - r mean_below)² is at most its variance.
    square, linear = mean_below**2 - var_below, mean_above * mean_below - both
    inside = linear**2 - square * (mean_above**2 - var_above)
    if square <= 0 or inside <= 1e-12 * linear**2:
        return unknown
    half = math.sqrt(inside)
    return Estimate(value, (linear - half) / square, (linear + half) / square, n)


def estimate_over_seeds(estimates: Sequence[Estimate]) -> Estimate:
    """Return the mean over seeds of one quantity, of which each seed has an estimate.

    A single estimate is returned unchanged. If the value of some seed is not finite, neither is the
    mean, and there is no interval. The range is that of the seeds, if it is the same for all.
    """
    if len(estimates) == 1:
        return estimates[0]
    values = [one.value for one in estimates]
    broken = [value for value in values if not math.isfinite(value)]
    if broken:
        return Estimate(broken[0], math.nan, math.nan, len(values))
    ranges = {one.within for one in estimates}
    return mean_over_seeds(values, within=ranges.pop() if len(ranges) == 1 else None)


def over_seeds(trees: Sequence[Tree]) -> Tree:
    """Return the `estimate_over_seeds` of each quantity that every run has.

    Args:
        trees: Results of runs that differ only in their seed; a single one is returned unchanged.
    """
    if len(trees) == 1:
        return trees[0]
    joined: dict[str, Any] = {}
    for name, first in trees[0].items():
        members = [tree[name] for tree in trees if name in tree]
        if len(members) == len(trees):
            join = estimate_over_seeds if isinstance(first, Estimate) else over_seeds
            joined[name] = join(members)
    return joined


def t_quantile(n: int) -> float:
    """Return the 97.5 % quantile of Student's t with n - 1 degrees of freedom."""
    return float(special.stdtrit(n - 1, 0.975))


def widened_tail(n: int) -> float:
    """Return the share to leave out at each end of a percentile bootstrap of n values.

    It widens the interval by as much as Student's t is wider than the normal distribution
    (Hesterberg 2015).
    """
    return float(special.ndtr(-t_quantile(n) * math.sqrt(n / (n - 1))))


def bootstrap_mean(
    values: ArrayLike,
    generator: np.random.Generator,
    *,
    resamples: int = 2000,
    within: tuple[float, float] | None = None,
) -> Estimate:
    """Return the mean of many independent values (levels, layouts, episodes) with its interval.

    Without a range, the interval is Student's t for fewer than 30 values. From 30 on it is the
    percentile bootstrap, widened by as much as t is wider than the normal distribution (Hesterberg
    2015). Equal values then have no interval.

    Within (least, inf), as for numbers of cells most of which are 0, it is Student's t of the mean
    after Hall's transformation (1992), which removes the skewness.

    Within a finite range, values get random weights (the Bayesian bootstrap), and for each end of
    the interval there is one more value at that end of the range (Gaffke 2005). The interval never
    leaves the range, and has a width even if all values are equal. For values at the two ends only
    it is that of Clopper and Pearson. Its coverage is right with few values and near the ends, too.
    In return, few values that hardly differ have a wider interval than Student's t would give.

    Args:
        values: Values `[n]`.
        generator: Source of the random draws.
        resamples: Number of draws of the weights.
        within: Smallest and largest possible value of the quantity, such as (0, 1) for a
            probability and (-1, 1) for the change of one.

    Raises:
        ValueError: If a value lies outside `within`.
    """
    sample = _sample(values, within)
    n = len(sample)
    if n < 2:
        return mean_over_seeds(sample, within=within)
    if within is not None and np.isfinite(within).all():
        low, high = _ends_within(sample, generator, resamples, within)
        return Estimate(float(sample.mean()), low, high, n, within)
    if np.ptp(sample) == 0:
        return mean_over_seeds(sample, within=within)
    if within is not None and math.isfinite(within[0]):
        return _skewed_mean(sample, within)
    if n < FEW:
        return mean_over_seeds(sample)
    # Drawing how often each value occurs is the same as drawing indices, with fewer terms to add.
    distinct, counts = np.unique(sample, return_counts=True)
    draws = generator.multinomial(n, counts / n, size=resamples)
    tail = widened_tail(n)
    low, high = np.quantile(draws @ distinct / n, [tail, 1 - tail])
    return Estimate(float(sample.mean()), float(low), float(high), n, within)


def median(values: ArrayLike) -> Estimate:
    """Return the median with an interval between two of the values that covers at least 95 %.

    The number of values below the median is binomial for every distribution. Fewer than six values
    have no such interval.
    """
    sample = np.sort(np.asarray(values, np.float64))
    n = len(sample)
    middle = float(np.median(sample)) if n else math.nan
    below = int(np.count_nonzero(special.bdtr(np.arange(n // 2), n, 0.5) <= 0.025))
    if not below:
        return Estimate(middle, math.nan, math.nan, n)
    return Estimate(middle, float(sample[below - 1]), float(sample[-below]), n)


def permutation_p(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the exact two-sided p that the means of two groups of seeds differ by chance alone.

    It is the share of all assignments of the values to groups of these sizes in which the means are
    at least as far apart as in the given one. For three and three values it is at least .1. If
    there are more than 200,000 assignments, it is estimated from 200,000 random ones, drawn with a
    fixed seed. If a value is not finite, it is NaN.

    Raises:
        ValueError: If a group is empty.
    """
    if not len(first) or not len(second):
        raise ValueError("a group without values cannot be compared")
    values, n = np.array([*first, *second], np.float64), len(first)
    if not np.isfinite(values).all():
        return math.nan
    exact = math.comb(len(values), n) <= _MOST_ASSIGNMENTS
    if exact:
        chosen = np.array(list(itertools.combinations(range(len(values)), n)))
    else:
        draws = np.random.default_rng(0).random((_MOST_ASSIGNMENTS, len(values)))
        chosen = np.argpartition(draws, n - 1, axis=1)[:, :n]
    sums = values[chosen].sum(axis=1)
    apart = np.abs(sums / n - (values.sum() - sums) / (len(values) - n))
    # Equal distances may differ in their last bits because of the order of the sum.
    as_far = apart >= abs(np.mean(first) - np.mean(second)) - 1e-9 * max(
        1.0, float(np.abs(values).max())
    )
    if exact:
        return float(as_far.mean())
    return float((1 + as_far.sum()) / (1 + len(as_far)))


def band(
    curves: Sequence[NDArray[np.float64]], *, within: tuple[float, float] | None = None
) -> tuple[NDArray[np.float64], ...]:
    """Return the mean of curves `[T]` and the ends of its t interval, cut to `within`, each `[T]`.

    The ends are NaN for one curve.
    """
    stacked = np.stack(curves)
    mean = stacked.mean(axis=0)
    if len(stacked) < 2:
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    half = t_quantile(len(stacked)) * stacked.std(axis=0, ddof=1) / math.sqrt(len(stacked))
    low, high = (-np.inf, np.inf) if within is None else within
    return mean, np.maximum(mean - half, low), np.minimum(mean + half, high)


def _skewed_mean(sample: NDArray[np.float64], within: tuple[float, float]) -> Estimate:
    """Return the mean of values that are not all equal, with Hall's interval (1992, equation 2.6).

    Hall's cubic transformation of t is monotone; at the ends of the interval it is a quantile of t.
    """
    n, mean, root = len(sample), float(sample.mean()), math.sqrt(len(sample))
    std = float(sample.std(ddof=1))
    skewness = float(((sample - mean) ** 3).mean()) / std**3 * n**2 / max(1, (n - 1) * (n - 2))
    if abs(skewness) < _SYMMETRIC:
        return mean_over_seeds(sample, within=within)
    quantiles = np.array([1, -1]) * t_quantile(n)
    cubes = 1 + skewness / root * (quantiles - skewness / (6 * root))
    low, high = mean - std / root * 3 * root / skewness * (np.cbrt(cubes) - 1)
    return Estimate(mean, max(float(low), within[0]), min(float(high), within[1]), n, within)


def _ends_within(
    sample: NDArray[np.float64],
    generator: np.random.Generator,
    resamples: int,
    within: tuple[float, float],
) -> tuple[float, float]:
    """Return the ends of the interval of the mean of values within a finite range."""
    distinct, counts = np.unique(sample, return_counts=True)
    weights = generator.standard_gamma(counts, size=(resamples, len(counts)))
    more = generator.standard_gamma(1.0, size=resamples)
    sums, total = weights @ distinct, weights.sum(axis=1) + more
    low = np.quantile((sums + more * within[0]) / total, 0.025)
    high = np.quantile((sums + more * within[1]) / total, 0.975)
    return max(float(low), within[0]), min(float(high), within[1])


def rounding_of(within: tuple[float, float]) -> float:
    """Return by how much rounding alone may bring a value beyond a range, which may be infinite."""
    return 1e-6 * min(within[1] - within[0], 1e3)


def _sample(values: ArrayLike, within: tuple[float, float] | None) -> NDArray[np.float64]:
    """Return values as floats; those that only rounding brought beyond the range are cut to it."""
    sample = np.asarray(values, np.float64)
    if within is None or not len(sample):
        return sample
    rounding = rounding_of(within)
    if sample.min() < within[0] - rounding or sample.max() > within[1] + rounding:
        raise ValueError(f"values from {sample.min()} to {sample.max()} are not within {within}")
    return sample.clip(*within)
