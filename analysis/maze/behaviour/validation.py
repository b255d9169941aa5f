"""Compare a regression's predictions for mazes outside of its fit with the base rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from chisel.analysis.maze.behaviour.regression import Data, Floats, fit
from chisel.analysis.results import Estimate

FOLDS = 10
"""Number of folds of layouts that are left out in turn."""

_RESAMPLES = 2000
"""Number of times that groups are redrawn for an interval."""


@dataclass(frozen=True)
class Validation:
    """Means over episodes, with intervals from redrawn layouts. Gains are paired."""

    log_loss: Estimate
    """Log-loss of an episode in nats."""
    base_log_loss: Estimate
    log_loss_gain: Estimate
    """Log-loss of the base rate minus that of the model: positive is better."""
    accuracy: Estimate
    """Share of episodes in which the likelier outcome happened."""
    base_accuracy: Estimate
    accuracy_gain: Estimate
    """Accuracy of the model minus that of the base rate: positive is better."""


def cross_validate(data: Data, generator: np.random.Generator) -> Validation:
    """Predict the episodes of each of ten folds from a fit to the other folds.

    Args:
        data: Variables and outcomes. All episodes in a layout are in the same fold.
        generator: Draws folds and intervals, and seeds the solver.
    """
    distinct, member = np.unique(data.groups, return_inverse=True)
    fold = generator.permutation(np.arange(len(distinct)) % FOLDS)[member]
    odds = np.zeros(len(data.y))
    for number in np.unique(fold):
        inside = fold == number
        odds[inside] = _predict(data.z[~inside], data.y[~inside], data.z[inside], generator)
    return _compare(odds, data, generator)


def carried_over(first: Data, second: Data, generator: np.random.Generator) -> Validation:
    """Predict a second batch of mazes by the fit to a first.

    Both must have been z-scored by the same means and standard deviations.
    """
    return _compare(_predict(first.z, first.y, second.z, generator), second, generator)


def drop_one(data: Data, generator: np.random.Generator) -> dict[str, Validation]:
    """Validate the regression without each variable, and with each variable alone.

    Returns:
        Validations by `without NAME` and `only NAME`. All have the same folds, because each has its
        own generator with the same seed.
    """
    seed, names = int(generator.integers(2**62)), data.names
    subsets = {f"without {name}": [o for o in names if o != name] for name in names}
    subsets = {name: rest for name, rest in subsets.items() if rest}
    subsets |= {f"only {name}": [name] for name in names}
    return {
        name: cross_validate(data.only(some), np.random.default_rng(seed))
        for name, some in subsets.items()
    }


def means(
    columns: Sequence[Floats],
    groups: NDArray[np.int64],
    generator: np.random.Generator,
    *,
    within: tuple[float, float] | None = None,
) -> list[Estimate]:
    """Return means of columns `[E]`, with percentile intervals over redrawn groups.

    Every episode has the same weight, and all columns have the same redrawn groups. Within a range,
    each end of an interval is drawn with one more group, which has the average size, values at that
    end of the range, and an exponential weight (after Gaffke 2005). So the coverage is right near 0
    and 1.

    Args:
        columns: Values of episodes, `[E]` each.
        groups: Group of each episode, `[E]`; `n` of an estimate is the number of groups.
        generator: Redraws the groups.
        within: Smallest and largest possible value of a mean.
    """
    stacked = np.stack(columns, axis=1)
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    sums = np.zeros((len(sizes), stacked.shape[1]))
    np.add.at(sums, member, stacked)
    counts = generator.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=_RESAMPLES)
    drawn, weight = counts @ sums, (counts @ sizes)[:, None]
    # Quantiles of the exponential distribution serve as draws, since those of groups are unordered.
    more = -np.log1p(-(np.arange(_RESAMPLES)[:, None] + 0.5) / _RESAMPLES)
    more = more * (sizes.mean() if within else 0)
    ends = within or (0.0, 0.0)
    low = np.quantile((drawn + more * ends[0]) / (weight + more), 0.025, axis=0)
    high = np.quantile((drawn + more * ends[1]) / (weight + more), 0.975, axis=0)
    values = zip(stacked.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Estimate(value, a, b, len(sizes), within) for value, a, b in values]


def _predict(
    z: Floats, y: NDArray[np.bool_], others: Floats, generator: np.random.Generator
) -> Floats:
    """Return the log-odds `[F]` of the cheese for `others` `[F, K]`, by a fit to `z` `[E, K]`."""
    if not y.any() or y.all():
        return np.full(len(others), _base_odds(y))
    line = fit(z, y, generator)
    odds: Floats = others @ line[:-1] + line[-1]
    return odds


def _compare(odds: Floats, data: Data, generator: np.random.Generator) -> Validation:
    """Compare predicted log-odds `[E]` with outcomes `[E]`, and with the base rate's."""
    # The base rate is that of the predicted episodes themselves, which is an advantage for it. The
    # base rate of the other folds would predict worse than a coin if it is near one half.
    base = _base_odds(data.y)
    sign = np.where(data.y, 1.0, -1.0)
    loss, base_loss = np.logaddexp(0, -sign * odds), np.logaddexp(0, -sign * base)
    hit, base_hit = (data.y == (odds > 0)) * 1.0, (data.y == (base > 0)) * 1.0
    columns = (loss, base_loss, base_loss - loss, hit, base_hit, hit - base_hit)
    return Validation(*means(columns, data.groups, generator))


def _base_odds(y: NDArray[np.bool_]) -> float:
    """Return a base rate's log-odds; half an additional episode of each kind keeps it finite."""
    return float(special.logit((y.sum() + 0.5) / (len(y) + 1)))
