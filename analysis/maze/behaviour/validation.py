"""How much a regression predicts, against the base rate, on mazes it was not fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from chisel.analysis.maze.behaviour.regression import Data, Floats, fit
from chisel.analysis.results import Estimate, Tree

FOLDS = 10


@dataclass(frozen=True)
class Prediction:
    """Predictions of episodes that the model has not seen, and those of the base rate."""

    log_loss: Floats
    """Of each episode `[E]`, in nats."""
    hit: Floats
    """1 where the likelier end was the right one, `[E]`."""
    base_log_loss: Floats
    base_hit: Floats
    groups: NDArray[np.int64]


@dataclass(frozen=True)
class Validation:
    """Means over episodes; intervals from redrawn layouts. Gains are paired."""

    log_loss: Estimate
    base_log_loss: Estimate
    log_loss_gain: Estimate
    """Base rate's minus model's: positive is better."""
    accuracy: Estimate
    base_accuracy: Estimate
    accuracy_gain: Estimate
    """Model's minus base rate's."""

    def to_tree(self) -> Tree:
        """The estimates by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def cross_validate(
    data: Data, generator: np.random.Generator, *, folds: int = FOLDS, resamples: int = 2000
) -> Validation:
    """Predict each episode from a fit to the others.

    Args:
        data: What explains what. All episodes in a layout are in the same fold.
        generator: Of folds, solver and intervals.
        folds: Parts that are left out in turn.
        resamples: How often layouts are redrawn for the intervals.
    """
    return validation(out_of_fold(data, generator, folds=folds), generator, resamples=resamples)


def out_of_fold(data: Data, generator: np.random.Generator, *, folds: int = FOLDS) -> Prediction:
    """Predictions of each episode by a model of the other folds; see `cross_validate`."""
    distinct, member = np.unique(data.groups, return_inverse=True)
    fold = generator.permutation(np.arange(len(distinct)) % folds)[member]
    odds = np.zeros(len(data.y))
    for number in np.unique(fold):
        inside = fold == number
        odds[inside] = _predict(data, ~inside, data.z[inside], generator)
    return _compare(odds, data.y, data.groups)


def carried_over(first: Data, second: Data, generator: np.random.Generator) -> Prediction:
    """Predictions of a second batch of mazes by the fit to a first.

    Both must have been z-scored by the same means and deviations.
    """
    odds = _predict(first, np.ones(len(first.y), np.bool_), second.z, generator)
    return _compare(odds, second.y, second.groups)


def validation(
    found: Prediction, generator: np.random.Generator, *, resamples: int = 2000
) -> Validation:
    """Means of predictions, with intervals."""
    columns = (
        found.log_loss,
        found.base_log_loss,
        found.base_log_loss - found.log_loss,
        found.hit,
        found.base_hit,
        found.hit - found.base_hit,
    )
    return Validation(*means(columns, found.groups, generator, resamples=resamples))


def drop_one(
    data: Data, generator: np.random.Generator, *, folds: int = FOLDS
) -> dict[str, Validation]:
    """What is lost without each variable, and what one alone gives.

    Returns:
        By `without NAME`, how the rest predicts; by `only NAME`, how that predicts. The same folds
        for all, because each draws from a generator of its own with the same seed.
    """
    seed = int(generator.integers(2**62))
    found = {}
    for name in data.names if len(data.names) > 1 else ():
        rest = [other for other in data.names if other != name]
        draws = np.random.default_rng(seed)
        found[f"without {name}"] = cross_validate(data.only(rest), draws, folds=folds)
    for name in data.names:
        draws = np.random.default_rng(seed)
        found[f"only {name}"] = cross_validate(data.only([name]), draws, folds=folds)
    return found


def means(
    columns: Sequence[Floats],
    groups: NDArray[np.int64],
    generator: np.random.Generator,
    *,
    resamples: int = 2000,
    within: tuple[float, float] | None = None,
) -> list[Estimate]:
    """Means of columns `[E]` with percentile intervals over redrawn groups, the same for all.

    Every episode weighs the same; `n` is the number of groups. `within` is what the values cannot
    leave, for intervals over seeds.
    """
    stacked = np.stack(columns, axis=1)
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    sums = np.zeros((len(sizes), stacked.shape[1]))
    np.add.at(sums, member, stacked)
    counts = generator.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=resamples)
    drawn = (counts @ sums) / (counts @ sizes)[:, None]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    values = zip(stacked.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Estimate(value, a, b, len(sizes), within) for value, a, b in values]


def _predict(
    data: Data, rows: NDArray[np.bool_], z: Floats, generator: np.random.Generator
) -> Floats:
    """Log-odds `[E]` of the cheese by a fit to some rows."""
    y = data.y[rows]
    if not y.any() or y.all():
        return np.full(len(z), _base_odds(y))
    line = fit(data.z[rows], y, int(generator.integers(2**31 - 1)))
    return line.log_odds(z)


def _compare(odds: Floats, y: NDArray[np.bool_], groups: NDArray[np.int64]) -> Prediction:
    sign = np.where(y, 1.0, -1.0)
    # The base rate is that of the predicted episodes themselves, which favours it. From the other
    # folds it would be worse than a coin wherever it is near one half.
    base = _base_odds(y)
    return Prediction(
        log_loss=np.logaddexp(0, -sign * odds),
        hit=((odds > 0) == y).astype(np.float64),
        base_log_loss=np.logaddexp(0, -sign * base),
        base_hit=(y == (base > 0)).astype(np.float64),
        groups=groups,
    )


def _base_odds(y: NDArray[np.bool_]) -> float:
    """Log-odds of a base rate, with half an episode of each kind more, so that none is certain."""
    return float(special.logit((y.sum() + 0.5) / (len(y) + 1)))
