"""How well a regression predicts mazes that it was not fitted to, compared with the base rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from chisel.analysis.maze.behaviour.regression import Data, Floats, fit
from chisel.analysis.results import Estimate, Tree

FOLDS = 10
"""Number of parts that are left out in turn, each with its layouts."""

_RESAMPLES = 2000
"""How often groups are redrawn for an interval."""


@dataclass(frozen=True)
class Prediction:
    """Predictions of `E` episodes that the model was not fitted to, and those of the base rate."""

    log_loss: Floats
    """Log-loss of each episode in nats, `[E]`."""
    hit: Floats
    """1 where the likelier outcome happened, else 0, `[E]`."""
    base_log_loss: Floats
    base_hit: Floats
    groups: NDArray[np.int64]
    """Layout of each episode, `[E]`."""


@dataclass(frozen=True)
class Validation:
    """Means over episodes, with intervals from redrawn layouts. Gains are paired."""

    log_loss: Estimate
    base_log_loss: Estimate
    log_loss_gain: Estimate
    """Log-loss of the base rate minus that of the model: positive is better."""
    accuracy: Estimate
    base_accuracy: Estimate
    accuracy_gain: Estimate
    """Accuracy of the model minus that of the base rate: positive is better."""

    def to_tree(self) -> Tree:
        """Return the estimates by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


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
        odds[inside] = _predict(data, ~inside, data.z[inside], generator)
    return validation(_compare(odds, data.y, data.groups), generator)


def carried_over(first: Data, second: Data, generator: np.random.Generator) -> Prediction:
    """Predict a second batch of mazes by the fit to a first.

    Both must have been z-scored by the same means and standard deviations.
    """
    odds = _predict(first, np.ones(len(first.y), np.bool_), second.z, generator)
    return _compare(odds, second.y, second.groups)


def validation(found: Prediction, generator: np.random.Generator) -> Validation:
    """Return means of predictions, with intervals."""
    columns = (
        found.log_loss,
        found.base_log_loss,
        found.base_log_loss - found.log_loss,
        found.hit,
        found.base_hit,
        found.hit - found.base_hit,
    )
    return Validation(*means(columns, found.groups, generator))


def drop_one(data: Data, generator: np.random.Generator) -> dict[str, Validation]:
    """Validate the regression without each variable, and with each variable alone.

    Returns:
        Validations by `without NAME` and `only NAME`. All have the same folds, because each draws
        from a generator of its own with the same seed.
    """
    seed = int(generator.integers(2**62))
    found = {}
    for name in data.names if len(data.names) > 1 else ():
        rest = [other for other in data.names if other != name]
        draws = np.random.default_rng(seed)
        found[f"without {name}"] = cross_validate(data.only(rest), draws)
    for name in data.names:
        draws = np.random.default_rng(seed)
        found[f"only {name}"] = cross_validate(data.only([name]), draws)
    return found


def means(
    columns: Sequence[Floats],
    groups: NDArray[np.int64],
    generator: np.random.Generator,
    *,
    within: tuple[float, float] | None = None,
) -> list[Estimate]:
    """Return means of columns `[E]`, with percentile intervals over redrawn groups.

    Every episode has the same weight, and all columns have the same redrawn groups. Within a range
    each end of an interval is drawn with one group more of the average size, all of it at that end
    of the range, with an exponential weight (after Gaffke 2005): so it covers near 0 and 1.

    Args:
        columns: Values of episodes, `[E]` each.
        groups: Group of each episode, `[E]`; `n` of an estimate is the number of groups.
        generator: Redraws the groups.
        within: The least and the largest value that a mean can have.
    """
    stacked = np.stack(columns, axis=1)
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    sums = np.zeros((len(sizes), stacked.shape[1]))
    np.add.at(sums, member, stacked)
    counts = generator.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=_RESAMPLES)
    drawn, weight = counts @ sums, (counts @ sizes)[:, None]
    # The quantiles of the exponential distribution need no draws: those of groups have no order.
    more = -np.log1p(-(np.arange(_RESAMPLES)[:, None] + 0.5) / _RESAMPLES)
    more = more * (sizes.mean() if within else 0)
    ends = within or (0.0, 0.0)
    low = np.quantile((drawn + more * ends[0]) / (weight + more), 0.025, axis=0)
    high = np.quantile((drawn + more * ends[1]) / (weight + more), 0.975, axis=0)
    values = zip(stacked.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Estimate(value, a, b, len(sizes), within) for value, a, b in values]


def _predict(
    data: Data, rows: NDArray[np.bool_], z: Floats, generator: np.random.Generator
) -> Floats:
    """Return the log-odds `[F]` of the cheese for variables `z` `[F, K]`, by a fit to some rows."""
    y = data.y[rows]
    if not y.any() or y.all():
        return np.full(len(z), _base_odds(y))
    return fit(data.z[rows], y, generator).log_odds(z)


def _compare(odds: Floats, y: NDArray[np.bool_], groups: NDArray[np.int64]) -> Prediction:
    sign = np.where(y, 1.0, -1.0)
    # The base rate is that of the predicted episodes themselves, which favours it. A base rate of
    # the other folds would predict worse than a coin where it is near one half.
    base = _base_odds(y)
    return Prediction(
        log_loss=np.logaddexp(0, -sign * odds),
        hit=((odds > 0) == y).astype(np.float64),
        base_log_loss=np.logaddexp(0, -sign * base),
        base_hit=(y == (base > 0)).astype(np.float64),
        groups=groups,
    )


def _base_odds(y: NDArray[np.bool_]) -> float:
    """Return a base rate's log-odds; half an episode more of each kind keeps it finite."""
    return float(special.logit((y.sum() + 0.5) / (len(y) + 1)))
