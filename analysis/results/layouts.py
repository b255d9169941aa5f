"""Means and changes over the layouts of mazes.

Small mazes repeat: of 1,000 test levels up to 9×9, 439 share 17 layouts of 5×5. An agent behaves
much the same in levels with the same walls, so they count as one sample. Each layout has the same
weight, with the mean of its levels as its value, and intervals are over layouts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.analysis.results.estimates import Estimate, bootstrap_mean, proportion

Floats = NDArray[np.float64]
Range = tuple[float, float]
"""Smallest and largest possible value of a quantity."""
Layouts = NDArray[np.int64]
"""The layout of each episode, as a number `[E]`."""


def by_layout(values: Floats, layouts: Layouts | None) -> Floats:
    """Return the mean of each layout's values `[L]`, in the order of the layouts' numbers.

    Args:
        values: Values of episodes `[E]`; NaN if an episode has none.
        layouts: Layout of each episode `[E]`; `None` if no layout repeats. A layout without any
            value is left out.
    """
    if layouts is None:
        return values[~np.isnan(values)]
    known = ~np.isnan(values)
    _, member, counts = np.unique(layouts[known], return_inverse=True, return_counts=True)
    means: Floats = np.bincount(member, weights=values[known], minlength=len(counts)) / counts
    return means


def mean_over_layouts(
    values: Floats | NDArray[np.bool_],
    layouts: Layouts | None,
    generator: np.random.Generator,
    *,
    within: Range | None = None,
) -> Estimate:
    """Return the mean over layouts of the mean in each; `n` is the number of layouts.

    Args:
        values: Values of episodes `[E]`; NaN if an episode has none.
        layouts: Layout of each episode `[E]`; `None` if no layout repeats.
        generator: Source of the bootstrap's draws.
        within: Smallest and largest possible value, between which the interval stays. For shares,
            (0, 1), the interval is Wilson's if every layout has only values 0 or only values 1.
    """
    means = by_layout(np.asarray(values, np.float64), layouts)
    if within == (0.0, 1.0) and np.isin(means, (0.0, 1.0)).all():
        return proportion(int(means.sum()), len(means))
    return bootstrap_mean(means, generator, within=within)


def change_over_layouts(
    after: Floats,
    before: Floats,
    layouts: Layouts | None,
    generator: np.random.Generator,
    *,
    within: Range | None = None,
) -> Estimate:
    """Return the mean over layouts of the change of the same episodes `[E]`.

    Arguments are those of `mean_over_layouts`; the change of a share stays within −1…1.
    """
    width = None if within is None else within[1] - within[0]
    means = by_layout(after - before, layouts)
    return bootstrap_mean(means, generator, within=None if width is None else (-width, width))


def redrawn(
    groups: NDArray[np.int64], generator: np.random.Generator, resamples: int
) -> list[Floats]:
    """Draw groups of episodes with replacement, and return each episode's count `[E]` in each draw.

    Args:
        groups: Number of the group of each episode `[E]`.
        generator: Source of the draws.
        resamples: Number of arrays to return.
    """
    distinct, member = np.unique(groups, return_inverse=True)
    n = len(distinct)
    counts = generator.multinomial(n, np.full(n, 1 / n), size=resamples)
    return [row[member].astype(np.float64) for row in counts]
