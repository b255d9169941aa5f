"""The layout as the unit of what is measured.

Small mazes repeat: of 1,000 test levels up to 9×9, 439 share 17 layouts of 5×5. What an agent does
in levels of the same walls is much alike, so they are one piece of evidence. Each layout weighs the
same, with the mean of its levels, and intervals are over layouts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.analysis.stats import Estimate, bootstrap_mean, proportion
from chisel.envs.maze import LevelBank, layout_digest

Floats = NDArray[np.float64]
Layouts = NDArray[np.int64]
"""The layout of each episode, as a number `[E]`."""


def layout_of(grid: NDArray[np.uint8]) -> int:
    """A number that names the walls of an inner maze `[d, d]`, the same in every process.

    Numbers have the order of the layouts' digests, and 63 bits: as good as free of collisions.
    """
    return int.from_bytes(layout_digest(grid)[:8], "big") >> 1


def layouts_of(bank: LevelBank) -> Layouts:
    """The layout of each level of a bank `[n]`."""
    return np.array([layout_of(bank[index].grid) for index in range(len(bank))], np.int64)


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


def _means(values: Floats, layouts: Layouts | None) -> Floats:
    return by_layout(values, np.arange(len(values)) if layouts is None else layouts)
