"""The layout as the unit of what is measured.

Small mazes repeat: of 1,000 test levels up to 9×9, 439 share 17 layouts of 5×5. What an agent does
in levels of the same walls is much alike, so they are one piece of evidence. Each layout weighs the
same, with the mean of its levels, and intervals are over layouts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.analysis.results.estimates import Estimate, bootstrap_mean, proportion

Floats = NDArray[np.float64]
Layouts = NDArray[np.int64]
"""The layout of each episode, as a number `[E]`."""


def by_layout(values: Floats, layouts: Layouts) -> Floats:
    """The mean of each layout's values `[L]`, in the order of the layouts' numbers.

    Args:
        values: Of episodes `[E]`; NaN where there is none.
        layouts: Of each `[E]`. A layout without any value is left out.
    """
    known = ~np.isnan(values)
    _, member, counts = np.unique(layouts[known], return_inverse=True, return_counts=True)
    means: Floats = np.bincount(member, weights=values[known], minlength=len(counts)) / counts
    return means


def mean_over_layouts(
    values: Floats | NDArray[np.bool_],
    layouts: Layouts | None,
    generator: np.random.Generator,
    *,
    share: bool = False,
) -> Estimate:
    """The mean over layouts of the mean in each; `n` is the number of layouts.

    Args:
        values: Of episodes `[E]`; NaN where there is none.
        layouts: Of each `[E]`; None: none repeats.
        generator: Of the bootstrap.
        share: The values are 0 and 1, so the interval stays within 0…1; it is Wilson's where every
            layout is 0 or 1 throughout.
    """
    means = _means(np.asarray(values, np.float64), layouts)
    if share and np.isin(means, (0.0, 1.0)).all():
        return proportion(int(means.sum()), len(means))
    return bootstrap_mean(means, generator, within=(0.0, 1.0) if share else None)


def change_over_layouts(
    after: Floats,
    before: Floats,
    layouts: Layouts | None,
    generator: np.random.Generator,
    *,
    share: bool = False,
) -> Estimate:
    """The mean over layouts of how much the same episodes `[E]` change; see `mean_over_layouts`.

    The change of a share stays within −1…1.
    """
    means = _means(after - before, layouts)
    return bootstrap_mean(means, generator, within=(-1.0, 1.0) if share else None)


def redrawn(
    groups: NDArray[np.int64], generator: np.random.Generator, resamples: int
) -> list[Floats]:
    """How often each episode counts `[E]` when whole groups are drawn with replacement."""
    distinct, member = np.unique(groups, return_inverse=True)
    n = len(distinct)
    counts = generator.multinomial(n, np.full(n, 1 / n), size=resamples)
    return [row[member].astype(np.float64) for row in counts]


def _means(values: Floats, layouts: Layouts | None) -> Floats:
    return by_layout(values, np.arange(len(values)) if layouts is None else layouts)
