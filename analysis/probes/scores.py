"""Score linear probes by their error relative to that of the best constant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from chisel.analysis.probes.ridge import STRENGTHS, Floats, Kernel
from chisel.analysis.results import Estimate


@dataclass(frozen=True, eq=False)
class ProbeTarget:
    """A property of `N` states that a probe predicts."""

    name: str
    values: NDArray[Any]
    """The property of each state: float64 `[N]` if it is a number, int64 `[N]` if it is a class."""

    @property
    def is_number(self) -> bool:
        """Return whether the property is a number, not a class."""
        return self.values.dtype.kind == "f"


@dataclass(frozen=True, eq=False)
class Sample:
    """`N` states in three parts: for fitting, for validation, and for testing."""

    obs: Tensor
    """Observations `[N, C, H, W]`."""
    targets: tuple[ProbeTarget, ...]
    layouts: NDArray[np.int64]
    """Number that identifies the layout of walls of each state, `[N]`."""
    parts: tuple[int, int]
    """Number of states for fitting, and number of states for validation."""


@dataclass(frozen=True, eq=False)
class Reading:
    """Errors of a probe that predicts one target from one layer; see `score`."""

    target: str
    errors: Floats
    """Error at each test state `[T]`: squared, or 1 if the class is wrong."""
    base: Floats
    """Error `[T]` of the best constant: the mean of the fitted states, or their most frequent
    class."""
    chosen_at: float
    """Score on the validation states, by which the penalty is chosen, and a layer can be."""
    strength: float
    """Penalty, in mean eigenvalues of the layer's inner products."""


def read(
    kernel: Kernel, target: ProbeTarget, validation: int, labels: ProbeTarget | None = None
) -> Reading:
    """Fit a ridge probe, choose its penalty on validation states, and test it on test states.

    The predicted class is the one whose indicator the probe predicts to be largest.

    Args:
        kernel: Inner products of a layer: of states for fitting, validation and testing, in order.
        target: The target of all states.
        validation: Number of validation states.
        labels: For a control, the target to which the probe is fitted, and by which its penalty is
            chosen. Errors are relative to `target`.
    """
    fitted = len(kernel.eigenvalues)
    fitted_target = labels or target
    targets, classes = _targets(fitted_target, fitted)
    constant = targets.mean(axis=0, keepdims=True)
    middle, test = slice(fitted, fitted + validation), slice(fitted + validation, None)
    others_middle, others_test = slice(validation), slice(validation, None)
    base = _errors(fitted_target, classes, constant, middle).sum()
    tried = [
        float(_errors(fitted_target, classes, predicted, middle).sum())
        for predicted in kernel.predict(targets, STRENGTHS, others_middle)
    ]
    # If scores are equal, the stronger penalty is taken, which gives the simpler probe.
    best = max(range(len(STRENGTHS)), key=lambda number: (-tried[number], number))
    (predicted,) = kernel.predict(targets, [STRENGTHS[best]], others_test)
    return Reading(
        target.name,
        errors=_errors(target, classes, predicted, test),
        base=_errors(target, classes, constant, test),
        chosen_at=1 - tried[best] / float(base) if base else math.nan,
        strength=STRENGTHS[best],
    )


def shuffled(
    target: ProbeTarget, parts: tuple[int, int], generator: np.random.Generator
) -> ProbeTarget:
    """Permute the labels among the states for fitting, and among those for validation.

    Args:
        target: The target of all states.
        parts: Number of states for fitting, and number of states for validation.
        generator: Draws the permutations.
    """
    first, second = parts
    order = np.arange(len(target.values))
    order[:first] = generator.permutation(order[:first])
    order[first : first + second] = generator.permutation(order[first : first + second])
    return ProbeTarget(target.name, target.values[order])


def score(reading: Reading, weights: Floats, against: Reading | None = None) -> Estimate:
    """Compute one minus the ratio of a probe's error to that of the best constant.

    For numbers the score is R². For classes it is normalised accuracy: the share of the most
    frequent class's errors that the probe avoids. 1 is no error, 0 is as good as the constant, and
    a score below 0 is worse than that.

    Args:
        reading: Errors of the probe.
        weights: Weight of each test state in each of `R` redrawn samples, `[R, T]`.
        against: Errors of another probe on the same states, whose score is subtracted (paired).

    Returns:
        The score with its interval over redrawn samples; nan if the constant makes no error.
    """
    once = np.ones((1, len(reading.errors)))

    def at(some: Floats) -> Floats:
        scores = _scores(reading, some)
        return scores if against is None else scores - _scores(against, some)

    value = float(at(once)[0])
    drawn = at(weights)
    if not math.isfinite(value) or not np.isfinite(drawn).any():
        return Estimate(value, math.nan, math.nan, len(reading.errors))
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Estimate(value, float(low), float(high), len(reading.errors))


def _scores(reading: Reading, weights: Floats) -> Floats:
    error, base = weights @ reading.errors, weights @ reading.base
    share: Floats = np.divide(error, base, out=np.full(base.shape, np.nan), where=base > 0)
    return 1 - share


def _targets(target: ProbeTarget, fitted: int) -> tuple[Floats, NDArray[np.int64] | None]:
    """Return the numbers to which the probe is fitted `[F, K]`, and the class of each column."""
    values = target.values[:fitted]
    if target.is_number:
        return values[:, None].astype(np.float64), None
    classes = np.unique(values)
    return (values[:, None] == classes).astype(np.float64), classes


def _errors(
    target: ProbeTarget, classes: NDArray[np.int64] | None, predicted: Floats, states: slice
) -> Floats:
    """Return the errors at some states, `[S]`."""
    truth = target.values[states]
    if classes is None:
        squared: Floats = (predicted[:, 0] - truth) ** 2
        return squared
    return np.asarray(classes[predicted.argmax(axis=1)] != truth, np.float64)
