"""Compute distances in a maze that may explain an agent's choice.

They are the 16 metrics of the published statistics on procgen's maze (procgen-tools' `metrics.py`):
three kinds of distance between four places, and the distance of the cheese from the bottom left.
Two things differ here: a maze has one decision square (`envs.maze.paths.decision_square`), and the
region has the side that the agent was trained with instead of 5.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from chisel.configs import ConfigError
from chisel.envs.maze import WALL, Cell, Level, paths

KINDS = ("euclid", "taxi", "steps")
"""Kinds of distance in cells: in a straight line, along rows and columns, along shortest paths."""

PAIRS = ("cheese_square", "cheese_corner", "square_corner", "cheese_region", "square_region")
"""Places between which distances are measured: `square` is the decision square, `corner` the
top-right corner, and `region` the nearest open cell of the top-right region."""

METRICS = (*(f"{kind}_{pair}" for pair in PAIRS for kind in KINDS), "cheese_norm")
"""Names of the metrics. `cheese_norm` is the cheese's distance from the bottom left of the world,
walls around the maze included, which is its place in the network's observation."""

PUBLISHED = ("euclid_cheese_corner", "steps_cheese_square", "euclid_cheese_square")
"""The three metrics that remain at the end of the published statistics."""


def maze_metrics(level: Level, *, region: int, world_dim: int) -> dict[str, float]:
    """Compute all metrics of a level, in cells, in the order of `METRICS`.

    Args:
        level: A maze with one cheese and a decision square.
        region: Side of the top-right region, in cells; a smaller maze lies in it entirely.
        world_dim: Side of the world, in cells; the maze lies in its middle.

    Raises:
        ConfigError: If the maze has no cheese, more than one, or no decision square.
    """
    open_cells = level.grid != WALL
    cheese, square = decision_of(level)
    corner = (level.size - 1, level.size - 1)
    side = min(max(region, 1), level.size)
    near = np.argwhere(open_cells[-side:, -side:]) + level.size - side
    margin = (world_dim - level.size) // 2
    starts = {"cheese": cheese, "square": square}
    ends = {"square": np.array([square]), "corner": np.array([corner]), "region": near}
    steps = {name: paths.distances(open_cells, start) for name, start in starts.items()}
    found = {"cheese_norm": math.hypot(cheese[0] + margin, cheese[1] + margin)}
    for pair in PAIRS:
        start, end = pair.split("_")
        found |= _distances(pair, starts[start], ends[end], steps[start])
    return {name: found[name] for name in METRICS}


def decision_of(level: Level) -> tuple[Cell, Cell]:
    """Return the cheese and the decision square of a level.

    Raises:
        ConfigError: If the maze has no cheese, more than one, or no decision square.
    """
    name = f"level {level.seed}" if level.seed >= 0 else "a maze drawn by hand"
    if len(level.cheese) != 1:
        raise ConfigError(f"{name} has {len(level.cheese)} cheeses; these statistics are about one")
    cheese = level.cheese[0]
    square = paths.decision_square(level.grid != WALL, level.start, cheese)
    if square is None:
        raise ConfigError(
            f"{name} has no decision square: the cheese at {cheese} and the top-right corner don't "
            "lie on two ways that part; use levels that have one"
        )
    return cheese, square


def _distances(
    pair: str, start: Cell, ends: NDArray[np.intp], steps: NDArray[np.int32]
) -> dict[str, float]:
    """Return the three distances from a cell to the nearest of the cells `ends` `[n, 2]`."""
    offsets = np.abs(ends - start)
    reached = steps[ends[:, 0], ends[:, 1]]
    return {
        f"euclid_{pair}": float(np.hypot(offsets[:, 0], offsets[:, 1]).min()),
        f"taxi_{pair}": float(offsets.sum(axis=1).min()),
        f"steps_{pair}": float(reached[reached >= 0].min()),
    }
