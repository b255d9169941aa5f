"""Integrated gradients: attribute a score to the activations of a layer.

Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks", equation 1, taken at a
layer instead of the input: the mean gradient of a score along the straight line from a baseline to
the activations, times the difference of the two. Attributions add up to the difference of the score
(completeness), if the steps along the line are small enough.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.configs import ConfigError, NumericsError

Score = Callable[[Tensor], Tensor]
"""Function from the activations of all examples `[N, …]` to the score of each, `[N]`."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """The contributions of all activations of `N` examples to the score."""

    values: NDArray[np.float64]
    """Attributions of the shape of the activations, `[N, …]`, in the score's units."""
    score: NDArray[np.float64]
    """Score at the activations, `[N]`."""
    baseline: NDArray[np.float64]
    """Score at the baseline, `[N]`."""
    axis: int | None = None
    """Axis of the units in `values`; None: axis 1 for `[N, C]` and images, unknown for others."""

    @property
    def difference(self) -> NDArray[np.float64]:
        """Return the score minus the baseline's, to which attributions must add up, `[N]`."""
        return self.score - self.baseline

    @property
    def total(self) -> NDArray[np.float64]:
        """Return the sum of the attributions, `[N]`."""
        summed: NDArray[np.float64] = self.values.reshape(len(self.values), -1).sum(axis=1)
        return summed

    @property
    def gap(self) -> NDArray[np.float64]:
        """Return the error of completeness, `[N]`, which is 0 for a linear score."""
        return self.total - self.difference

    @property
    def by_channel(self) -> NDArray[np.float64]:
        """Return attributions summed over places, or over tokens, `[N, C]`.

        Raises:
            ConfigError: If it is not known which axis has the units.
        """
        if self.values.ndim == 2:
            return self.values
        if self.axis is None and self.values.ndim != 4:
            raise ConfigError(
                f"attributions of shape {list(self.values.shape)} don't say which axis has the "
                "units: give integrated_gradients an axis, as in axis=-1"
            )
        by_unit = np.moveaxis(self.values, self.axis or 1, 1)
        summed: NDArray[np.float64] = by_unit.reshape(*by_unit.shape[:2], -1).sum(axis=2)
        return summed


def integrated_gradients(
    score: Score,
    activations: Tensor,
    baseline: Tensor,
    *,
    steps: int = 64,
    axis: int | None = None,
) -> Attribution:
    """Attribute a score to activations.

    The integral is computed by the midpoint rule. The gradients of networks of ReLUs jump along the
    line, so rules of higher order are no better.

    Args:
        score: The score that is explained. Examples must not depend on each other.
        activations: Activations `[N, …]`.
        baseline: Start of the line for each example, `[N, …]`, or one for all, `[1, …]`.
        steps: Number of gradients along the line.
        axis: Axis of the units, for `Attribution.by_channel`; see there.

    Raises:
        ConfigError: If there is no step, or the shapes differ.
        NumericsError: If a gradient is not finite.
    """
    if steps < 1:
        raise ConfigError(f"steps={steps}: at least 1")
    if baseline.shape[1:] != activations.shape[1:] or len(baseline) not in (1, len(activations)):
        raise ConfigError(
            f"the baseline has shape {list(baseline.shape)}, but activations are "
            f"{list(activations.shape)}"
        )
    start = baseline.detach().expand_as(activations)
    step = activations.detach() - start
    mean = torch.zeros_like(step, dtype=torch.float64)
    for number in range(steps):
        point = (start + step * ((number + 0.5) / steps)).requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(score(point).sum(), point)
        mean += slope.double() / steps
    if not mean.isfinite().all():
        raise NumericsError("a gradient along the way to the baseline is not finite")
    with torch.no_grad():
        ends = [score(end).double().cpu().numpy() for end in (start + step, start)]
    return Attribution((mean * step.double()).cpu().numpy(), ends[0], ends[1], axis)
