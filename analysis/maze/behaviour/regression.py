"""L1 logistic regression of how episodes end on properties of their mazes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from chisel.analysis.results import Estimate, Tree, redrawn
from chisel.configs import ConfigError

Floats = NDArray[np.float64]

PENALTY = 1.0
"""Inverse strength C of the L1 penalty, as in the published statistics."""

FEWEST = 20
"""Episodes of each outcome below which there is nothing to fit."""


@dataclass(frozen=True)
class Data:
    """Data of a regression: z-scored variables and outcomes of `E` episodes."""

    names: tuple[str, ...]
    z: Floats
    """Variables `[E, K]` with mean 0 and standard deviation 1; 0 for one that never varies."""
    y: NDArray[np.bool_]
    """Whether each episode ended at the cheese, `[E]`."""
    groups: NDArray[np.int64]
    """Layout of each episode's maze, `[E]`; episodes in the same layout are not independent."""

    def only(self, names: Sequence[str]) -> Data:
        """Return the data with these variables alone."""
        places = [self.names.index(name) for name in names]
        return Data(tuple(names), self.z[:, places], self.y, self.groups)


def prepare(frame: pd.DataFrame, names: Sequence[str], *, like: pd.DataFrame | None = None) -> Data:
    """Make the data of a regression from a table of episodes.

    Args:
        frame: Episodes of `decision_episodes`.
        names: Columns that are the variables.
        like: Episodes whose means and standard deviations are used for z-scores; None means those
            of `frame`.

    Raises:
        ConfigError: If a column is unknown, or nearly all episodes ended alike.
    """
    unknown = [name for name in names if name not in frame.columns]
    if unknown:
        known = ", ".join(frame.columns)
        raise ConfigError(f"variables={','.join(names)}: no {unknown[0]}; there are {known}")
    y = frame["cheese"].to_numpy(np.bool_)
    rarer = int(min(y.sum(), (~y).sum()))
    if rarer < FEWEST:
        raise ConfigError(
            f"of {len(y)} episodes {int(y.sum())} ended at the cheese: a regression needs {FEWEST} "
            "that did and as many that did not; play more levels, or another split"
        )
    z = z_scores(*(_matrix(one, names) for one in (frame, frame if like is None else like)))
    return Data(tuple(names), z, y, frame["layout"].to_numpy(np.int64))


def _matrix(frame: pd.DataFrame, names: Sequence[str]) -> Floats:
    """Return columns `[E, K]`, one row after the other in memory, which decides how means round."""
    return np.ascontiguousarray(frame[list(names)].to_numpy(np.float64))


def z_scores(values: Floats, like: Floats | None = None) -> Floats:
    """Subtract the means of `like` `[F, K]` from columns `[E, K]`, and divide by its deviations.

    Without `like`, the columns' own are used. A column that never varies there becomes 0.
    """
    model = values if like is None else like
    std = model.std(axis=0)
    centred = values - model.mean(axis=0)
    z: Floats = np.divide(centred, std, out=np.zeros_like(centred), where=std > 1e-12)
    return z


@dataclass(frozen=True)
class Line:
    """A fitted regression: log-odds of the cheese are `z @ coefficients + intercept`."""

    coefficients: Floats
    """Log-odds for one standard deviation of each variable, `[K]`."""
    intercept: float

    def log_odds(self, z: Floats) -> Floats:
        """Return the log-odds of the cheese, `[E]`, from variables `[E, K]`."""
        odds: Floats = z @ self.coefficients + self.intercept
        return odds


def fit(
    z: Floats, y: NDArray[np.bool_], generator: np.random.Generator, weights: Floats | None = None
) -> Line:
    """Maximise the penalised likelihood (liblinear, which penalises the intercept too).

    Args:
        z: Variables `[E, K]`.
        y: Outcomes `[E]`; both must occur.
        generator: Seeds the order in which the solver visits the coefficients.
        weights: How often each episode counts, `[E]`; None counts each once.
    """
    seed = int(generator.integers(2**31 - 1))
    model = LogisticRegression(C=PENALTY, l1_ratio=1.0, solver="liblinear", random_state=seed)
    model.fit(z, y, sample_weight=weights)
    return Line(np.asarray(model.coef_[0], np.float64), float(model.intercept_[0]))


@dataclass(frozen=True)
class Regression:
    """Coefficients with their intervals, and the variance inflation of the variables."""

    names: tuple[str, ...]
    coefficients: tuple[Estimate, ...]
    """Log-odds for one standard deviation, with intervals from redrawn layouts."""
    intercept: Estimate
    vif: tuple[float, ...]
    """Variance inflation factor of each variable; infinite if the others determine it."""
    line: Line

    def __getitem__(self, name: str) -> Estimate:
        """Return the coefficient of a variable."""
        return self.coefficients[self.names.index(name)]

    def to_tree(self) -> Tree:
        """Return coefficients, intercept and variance inflation factors by name."""
        factors = [Estimate(vif, math.nan, math.nan, self.intercept.n) for vif in self.vif]
        return {
            "coefficients": dict(zip(self.names, self.coefficients, strict=True)),
            "intercept": self.intercept,
            "vif": dict(zip(self.names, factors, strict=True)),
        }


def regress(data: Data, generator: np.random.Generator, *, resamples: int = 300) -> Regression:
    """Fit all episodes, and fit redrawn layouts for percentile intervals.

    Args:
        data: Variables and outcomes.
        generator: Redraws layouts and seeds the solver.
        resamples: How often layouts are redrawn.
    """
    line = fit(data.z, data.y, generator)
    drawn = []
    for weights in redrawn(data.groups, generator, resamples):
        counted = data.y[weights > 0]
        if counted.any() and not counted.all():
            again = fit(data.z, data.y, generator, weights)
            drawn.append([*again.coefficients, again.intercept])
    low, high = np.quantile(np.array(drawn), [0.025, 0.975], axis=0)
    values = [*line.coefficients, line.intercept]
    estimates = [
        Estimate(float(value), float(a), float(b), len(data.y))
        for value, a, b in zip(values, low, high, strict=True)
    ]
    factors = tuple(inflation(data.z).tolist())
    return Regression(data.names, tuple(estimates[:-1]), estimates[-1], factors, line)


def inflation(values: Floats) -> Floats:
    """Return variance inflation factors of columns `[E, K]`: 1 / (1 − R²) of each on the others.

    The factor is infinite if the others determine a column, and nan if the column never varies.
    """
    z = z_scores(values)
    factors = np.full(z.shape[1], np.nan)
    for place in np.flatnonzero(z.any(axis=0)):
        others = np.delete(z, place, axis=1)
        rest = z[:, place] - others @ np.linalg.lstsq(others, z[:, place], rcond=None)[0]
        left = float(rest @ rest) / len(z)
        factors[place] = 1 / left if left > 1e-10 else math.inf
    return factors
