"""`python -m benchmarks.coverage`: count how often 95 % intervals contain the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from chisel.analysis.results import (
    Estimate,
    bootstrap_mean,
    interquartile_mean,
    mean_over_seeds,
    probability_of_improvement,
    proportion,
)

TRIALS, RESAMPLES, SEED = 1000, 1000, 0
METHODS = ("percentile bootstrap", "`mean_over_seeds`", "`bootstrap_mean`")
SIZES = (3, 5, 10, 30, 100, 300)

Floats = NDArray[np.float64]
Generator = np.random.Generator


@dataclass(frozen=True)
class Case:
    """A kind of data whose true mean is known.

    Attributes:
        words: Description for the table.
        draw: Draws a number of values from a generator.
        mean: True mean.
        within: Range of the values.
    """

    words: str
    draw: Callable[[Generator, int], Floats]
    mean: float
    within: tuple[float, float]


def rate(p: float) -> Case:
    """Return the case of outcomes that are yes or no."""
    return Case(f"yes or no, rate {p}", lambda g, n: (g.random(n) < p) * 1.0, p, (0, 1))


def beta(a: float, b: float, words: str) -> Case:
    """Return the case of probabilities with a beta distribution."""
    return Case(words, lambda g, n: g.beta(a, b, n), a / (a + b), (0, 1))


def changes(up: float, down: float) -> Case:
    """Return the case of paired changes of an outcome that is yes or no."""
    shares = [up, down, 1 - up - down]
    words = f"paired changes, {up} up and {down} down"
    return Case(words, lambda g, n: g.choice([1.0, -1, 0], n, p=shares), up - down, (-1, 1))


def failures(share: float) -> Case:
    """Return the case of results of runs near .95, of which a share is near .1."""
    mean = 0.95 - 0.85 * share
    words = f"near .95, one in {1 / share:.0f} near .1"
    return Case(
        words,
        lambda g, n: np.where(g.random(n) < share, 0.1, 0.95) + g.uniform(-0.02, 0.02, n),
        mean,
        (0, 1),
    )


CASES = (
    rate(0.5),
    rate(0.02),
    rate(0.01),
    changes(0.02, 0.01),
    changes(0.1, 0.02),
    beta(2, 2, "probabilities around .5"),
    beta(20, 1, "probabilities near 1"),
    beta(50, 50, "probabilities that hardly differ"),
    failures(0.2),
    failures(0.02),
)


def percentile(values: Floats, generator: Generator) -> Estimate:
    """Return the interval of the plain percentile bootstrap, for comparison."""
    n = len(values)
    means = values[generator.integers(n, size=(RESAMPLES, n))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(values.mean()), float(low), float(high), n)


def covered(case: Case, n: int) -> list[str]:
    """Return, for each method, the share of intervals that contain the mean, and the mean width."""
    generator = np.random.default_rng([SEED, n])
    found: list[list[Estimate]] = []
    for _ in range(TRIALS):
        values = case.draw(generator, n)
        ours = bootstrap_mean(values, generator, resamples=RESAMPLES, within=case.within)
        student = mean_over_seeds(values, within=case.within)
        found.append([percentile(values, generator), student, ours])
    return [_cell(column, case.mean) for column in zip(*found, strict=True)]


def _cell(estimates: tuple[Estimate, ...], mean: float) -> str:
    hits = np.mean([one.low <= mean <= one.high for one in estimates])
    width = np.mean([one.high - one.low for one in estimates])
    return f"{hits:.2f} ({width:.3f})"


def of_shares(n: int) -> str:
    """Return a row of the table of exact coverages over rates from 0 to 1.

    For `proportion`, Wilson's interval, and Clopper and Pearson's, the row has the mean coverage,
    the smallest one, the share of rates at which it is below .93, and the mean width.
    """
    rates, successes = np.linspace(0.0005, 0.9995, 1999), np.arange(n + 1)
    chances = stats.binom.pmf(successes[:, None], n, rates)
    of_scipy = {
        method: [stats.binomtest(int(k), n).proportion_ci(method=method) for k in successes]
        for method in ("wilson", "exact")
    }
    cells = []
    for intervals in ([proportion(int(k), n) for k in successes], *of_scipy.values()):
        ends = np.array([(one.low, one.high) for one in intervals])
        holds = (ends[:, :1] <= rates) & (rates <= ends[:, 1:])
        covered = (chances * holds).sum(axis=0)
        width = (chances * np.diff(ends)).sum(axis=0).mean()
        least, below = covered.min(), (covered < 0.93).mean()
        cells.append(f"{covered.mean():.3f}, {least:.3f}, {below:.3f} ({width:.3f})")
    return f"| {n} | {' | '.join(cells)} |"


def of_middles(case: Case, n: int) -> list[str]:
    """Return the coverage of interquartile means by the percentile bootstrap and by our method."""
    generator = np.random.default_rng([SEED, n])
    truth = float(stats.trim_mean(case.draw(generator, 2_000_000), 0.25))
    found = []
    for _ in range(TRIALS):
        values = case.draw(generator, n)
        drawn = values[generator.integers(n, size=(RESAMPLES, n))]
        low, high = np.quantile(stats.trim_mean(drawn, 0.25, axis=1), [0.025, 0.975])
        plain = Estimate(truth, float(low), float(high), n)
        found.append([plain, interquartile_mean([values], generator)])
    return [_cell(column, truth) for column in zip(*found, strict=True)]


def of_improvements(distance: float, n: int) -> list[str]:
    """Return the coverage for two groups of n runs, `distance` standard deviations apart."""
    generator = np.random.default_rng([SEED, n])
    truth = float(stats.norm.cdf(distance / np.sqrt(2)))
    found = []
    for _ in range(TRIALS):
        ours, theirs = generator.normal(distance, 1, n), generator.normal(size=n)
        weights = generator.multinomial(n, np.full(n, 1 / n), size=(2, RESAMPLES)) / n
        drawn = ((weights[0] @ (ours[:, None] > theirs)) * weights[1]).sum(axis=1)
        low, high = np.quantile(drawn, [0.025, 0.975])
        plain = Estimate(truth, float(low), float(high), n)
        found.append([plain, probability_of_improvement([ours], [theirs], generator)])
    return [_cell(column, truth) for column in zip(*found, strict=True)]


def means() -> None:
    """Print the table of means."""
    print(f"| data | interval | {' | '.join(f'n = {n}' for n in SIZES)} |")
    print("|---" * (2 + len(SIZES)) + "|")
    for case in CASES:
        by_method = zip(*(covered(case, n) for n in SIZES), strict=True)
        for words, cells in zip(METHODS, by_method, strict=True):
            print(f"| {case.words} | {words} | {' | '.join(cells)} |", flush=True)


def shares_and_aggregates() -> None:
    """Print the tables of shares, and of the quantities that need ten runs."""
    print("\n| n | `proportion` | Wilson | Clopper and Pearson |")
    print("|---" * 4 + "|")
    for n in (10, 20, 30, 50, 100, 200, 500):
        print(of_shares(n), flush=True)
    print("\n| quantity | runs | percentile, 10 | ours, 10 | percentile, 20 | ours, 20 |")
    print("|---" * 6 + "|")
    normal = Case("normal", lambda g, n: g.normal(size=n), 0, (-np.inf, np.inf))
    skewed = Case("exponential", lambda g, n: g.exponential(size=n), 1, (0, np.inf))
    for case in (normal, skewed, failures(0.2), failures(0.5)):
        cells = [cell for n in (10, 20) for cell in of_middles(case, n)]
        print(f"| interquartile mean | {case.words} | {' | '.join(cells)} |", flush=True)
    for distance in (0, 0.75, 1.5, 2.5):
        cells = [cell for n in (10, 20) for cell in of_improvements(distance, n)]
        words = f"normal, {distance} deviations apart"
        print(f"| probability of improvement | {words} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print the tables as Markdown."""
    means()
    shares_and_aggregates()


if __name__ == "__main__":
    main()
