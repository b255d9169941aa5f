"""How well a target is read off a layer: how much less the error is than the best constant's."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chisel.analysis.probes.ridge import STRENGTHS, Floats, Kernel
from chisel.analysis.probes.sample import ProbeTarget
from chisel.analysis.results import Estimate


@dataclass(frozen=True, eq=False)
class Reading:
    """One target read off one layer. `score` makes a score of it."""

    target: str
    errors: Floats
    """Of each test state `[T]`: squared, or 1 where the class is wrong."""
    base: Floats
    """The same of the best constant: the fitted states' mean, or their most frequent class."""
    chosen_at: float
    """Score on the validation states, by which the penalty was chosen, and a layer can be."""
    strength: float
    """The penalty, in mean eigenvalues of the layer's inner products."""


def read(
    kernel: Kernel, target: ProbeTarget, validation: int, labels: ProbeTarget | None = None
) -> Reading:
    """Fit a ridge probe, choose its penalty on validation states, and look at the test states.

    A class is the one whose indicator the probe predicts to be largest.

    Args:
        kernel: Of a layer; states are fitted ones, then validation, then test.
        target: The right answers, of all states.
        validation: How many states the penalty is chosen on.
        labels: What is fitted and chosen by instead, for a control; the answers stay right.
    """
    fitted = len(kernel.eigenvalues)
    given = labels or target
    targets, classes = _targets(given, fitted)
    constant = targets.mean(axis=0, keepdims=True)
    middle, test = slice(fitted, fitted + validation), slice(fitted + validation, None)
    near, far = slice(validation), slice(validation, None)
    base = _errors(given, classes, constant, middle).sum()
    tried = [
        float(_errors(given, classes, predicted, middle).sum())
        for predicted in kernel.predict(targets, STRENGTHS, near)
    ]
    # A tie goes to the stronger penalty, the simpler probe.
    best = max(range(len(STRENGTHS)), key=lambda number: (-tried[number], number))
    (predicted,) = kernel.predict(targets, [STRENGTHS[best]], far)
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
    """The same labels, dealt out anew among the fitted and among the validation states.

    Args:
        target: Of all states.
        parts: How many are fitted, and how many are for validation.
        generator: Deals.
    """
    first, second = parts
    order = np.arange(len(target.values))
    order[:first] = generator.permutation(order[:first])
    order[first : first + second] = generator.permutation(order[first : first + second])
    return ProbeTarget(target.name, target.values[order])


def score(reading: Reading, weights: Floats, against: Reading | None = None) -> Estimate:
    """One minus the error over that of the best constant, with its interval.

    1 is without error, 0 no better than the constant, and below 0 worse: for numbers it is R².

    Args:
        reading: What was read.
        weights: How often each test state counts in each redrawing `[R, T]`.
        against: Another reading of the same states, whose score is taken away (paired).

    Returns:
        nan where the constant makes no error.
    """
    once = np.ones((1, len(reading.errors)))

    def at(some: Floats) -> Floats:
        found = _skills(reading, some)
        return found if against is None else found - _skills(against, some)

    value = float(at(once)[0])
    drawn = at(weights)
    if not math.isfinite(value) or not np.isfinite(drawn).any():
        return Estimate(value, math.nan, math.nan, len(reading.errors))
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Estimate(value, float(low), float(high), len(reading.errors))


def _skills(reading: Reading, weights: Floats) -> Floats:
    error, base = weights @ reading.errors, weights @ reading.base
    share: Floats = np.divide(error, base, out=np.full(base.shape, np.nan), where=base > 0)
    return 1 - share


def _targets(target: ProbeTarget, fitted: int) -> tuple[Floats, NDArray[np.int64] | None]:
    """What the probe is fitted to `[F, K]`, and the classes behind its columns."""
    values = target.values[:fitted]
    if target.is_number:
        return values[:, None].astype(np.float64), None
    classes = np.unique(values)
    return (values[:, None] == classes).astype(np.float64), classes


def _errors(
    target: ProbeTarget, classes: NDArray[np.int64] | None, predicted: Floats, states: slice
) -> Floats:
    """Of some states `[S]`."""
    truth = target.values[states]
    if classes is None:
        squared: Floats = (predicted[:, 0] - truth) ** 2
        return squared
    return np.asarray(classes[predicted.argmax(axis=1)] != truth, np.float64)
