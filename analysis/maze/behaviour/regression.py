"""Fit L1 logistic regressions of the ends of episodes on properties of their mazes.

Coefficients of correlated variables mean little: their variance inflation is large, and their signs
depend on the other variables in the fit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from chisel.analysis.results import Estimate, redrawn
from chisel.configs import ConfigError

Floats = NDArray[np.float64]

PENALTY = 1.0
"""Inverse strength C of the L1 penalty, as in the published statistics."""

FEWEST = 20
"""Number of episodes of each outcome below which no regression is fitted."""

SUBSETS = 200
"""Number of random subsets of variables, as in the published statistics."""


@dataclass(frozen=True)
class Data:
    """Data of a regression: z-scored variables and outcomes of `E` episodes."""

    names: tuple[str, ...]
    z: Floats
    """Variables `[E, K]` with mean 0 and standard deviation 1; a constant variable is 0."""
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
        ConfigError: If nearly all episodes had the same end.
        KeyError: If there is no such column.
    """
    y = frame["cheese"].to_numpy(np.bool_)
    if min(y.sum(), (~y).sum()) < FEWEST:
        raise ConfigError(
            f"of {len(y)} episodes {int(y.sum())} ended at the cheese: a regression needs {FEWEST} "
            "that did and as many that did not; play more levels, or another split"
        )
    # The memory order, one row after the other, determines how means round.
    values, model = (
        np.ascontiguousarray(one[list(names)].to_numpy(np.float64))
        for one in (frame, frame if like is None else like)
    )
    return Data(tuple(names), z_scores(values, model), y, frame["layout"].to_numpy(np.int64))


def z_scores(values: Floats, like: Floats | None = None) -> Floats:
    """Subtract the means of `like` `[F, K]` from columns `[E, K]`, and divide by its deviations.

    Without `like`, the columns' own means and deviations are used. A column that is constant there
    becomes 0.
    """
    model = values if like is None else like
    std = model.std(axis=0)
    centred = values - model.mean(axis=0)
    z: Floats = np.divide(centred, std, out=np.zeros_like(centred), where=std > 1e-12)
    return z


def fit(
    z: Floats, y: NDArray[np.bool_], generator: np.random.Generator, weights: Floats | None = None
) -> Floats:
    """Maximise the penalised likelihood (liblinear, which penalises the intercept too).

    Args:
        z: Variables `[E, K]`.
        y: Outcomes `[E]`; both must occur.
        generator: Seeds the order in which the solver visits the coefficients.
        weights: Weight of each episode, `[E]`; None counts each once.

    Returns:
        The log-odds of the cheese for one standard deviation of each variable, and the intercept,
        `[K + 1]`.
    """
    seed = int(generator.integers(2**31 - 1))
    model = LogisticRegression(C=PENALTY, l1_ratio=1.0, solver="liblinear", random_state=seed)
    model.fit(z, y, sample_weight=weights)
    return np.append(model.coef_[0], model.intercept_).astype(np.float64)


@dataclass(frozen=True)
class Regression:
    """Coefficients with their intervals from redrawn layouts."""

    coefficients: Mapping[str, Estimate]
    """Log-odds for one standard deviation of each variable, by its name."""
    intercept: Estimate
    vif: Mapping[str, Estimate]
    """Variance inflation factor of each variable; infinite if the others determine it."""


def regress(data: Data, generator: np.random.Generator, *, resamples: int = 300) -> Regression:
    """Fit all episodes, and fit redrawn layouts for percentile intervals.

    Args:
        data: Variables and outcomes.
        generator: Redraws layouts and seeds the solver.
        resamples: Number of times that layouts are redrawn.
    """
    values, drawn = fit(data.z, data.y, generator), []
    for weights in redrawn(data.groups, generator, resamples):
        counted = data.y[weights > 0]
        if counted.any() and not counted.all():
            drawn.append(fit(data.z, data.y, generator, weights))
    low, high = np.quantile(np.array(drawn), [0.025, 0.975], axis=0)
    ends = zip(values.tolist(), low.tolist(), high.tolist(), strict=True)
    *found, intercept = (Estimate(value, a, b, len(data.y)) for value, a, b in ends)
    return Regression(dict(zip(data.names, found, strict=True)), intercept, inflation(data))


def inflation(data: Data) -> dict[str, Estimate]:
    """Return the variance inflation factor 1 / (1 − R²) of each variable, regressed on the others.

    The factor is infinite if the others determine a variable, and nan if it is constant.
    """
    z, factors = z_scores(data.z), np.full(len(data.names), math.nan)
    for place in np.flatnonzero(z.any(axis=0)):
        others = np.delete(z, place, axis=1)
        rest = z[:, place] - others @ np.linalg.lstsq(others, z[:, place], rcond=None)[0]
        left = float(rest @ rest) / len(z)
        factors[place] = 1 / left if left > 1e-10 else math.inf
    estimates = (Estimate(one, math.nan, math.nan, len(z)) for one in factors.tolist())
    return dict(zip(data.names, estimates, strict=True))


def sign_flips(
    data: Data, generator: np.random.Generator, *, subsets: int = SUBSETS
) -> dict[str, dict[str, Estimate]]:
    """Fit random subsets of the variables and count changes of sign.

    A variable is in each subset with probability one half; empty subsets are drawn again. If the
    sign of a variable flips often, its coefficient reflects correlations with other variables more
    than the agent.

    Args:
        data: All variables.
        generator: Draws the subsets and seeds the solver.
        subsets: Number of subsets.

    Returns:
        For each variable, `alone`, its sign if it is the only one (-1, 0 or 1); `flips`, the share
        of subsets in which it had the opposite sign; and `zeros`, the share in which the penalty
        set its coefficient to 0. `n` is the number of subsets with the variable; the shares are nan
        if there are none.
    """
    count = len(data.names)
    alone = np.array([np.sign(fit(data.z[:, [k]], data.y, generator)[0]) for k in range(count)])
    signs = np.full((subsets, count), math.nan)
    for row in signs:
        chosen = np.zeros(count, np.bool_)
        while not chosen.any():
            chosen = generator.random(count) < 0.5
        row[chosen] = np.sign(fit(data.z[:, chosen], data.y, generator)[:-1])
    subsets_of = (~np.isnan(signs)).sum(axis=0)
    flips = ((signs == -alone) & (alone != 0)).sum(axis=0)
    shares = [
        np.where(subsets_of, often / np.maximum(subsets_of, 1), math.nan)
        for often in (flips, (signs == 0).sum(axis=0))
    ]
    return {
        name: {
            key: Estimate(float(value), math.nan, math.nan, int(n))
            for key, value in zip(("alone", "flips", "zeros"), values, strict=True)
        }
        for name, n, *values in zip(data.names, subsets_of, alone, *shares, strict=True)
    }
