"""Find channels that follow the cheese, by moving the cheese."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chisel.analysis.interventions import LayerSplit
from chisel.analysis.maze import Observe, layer_cell, view_side
from chisel.configs import ConfigError, MazeConfig
from chisel.envs.maze import MazeState, paths
from chisel.models import to_tensor


@dataclass(frozen=True, eq=False)
class Tracking:
    """Measures of how well each of `C` channels follows the cheese, over all mazes and cells."""

    correlation: NDArray[np.float64]
    """Pearson correlation of the change of each map with the cheese's place, `[C]` in -1…1."""
    hits: NDArray[np.float64]
    """Share of cheese cells for which the largest change of the map is at most one place away from
    the cheese, `[C]`."""
    at_cheese: NDArray[np.float64]
    """Mean activation at the cheese's place, `[C]`."""
    elsewhere: NDArray[np.float64]
    """Mean activation at all other places, `[C]`."""
    selectivity: NDArray[np.float64]
    """Change at the cheese's place minus that elsewhere, in standard deviations of the changes
    elsewhere, `[C]`; 0 for a channel that never changes."""

    def best(self, count: int) -> list[int]:
        """Return the channels with the largest absolute correlation, without those at 0."""
        order = np.argsort(-np.abs(self.correlation), kind="stable")[:count]
        return [int(c) for c in order if self.correlation[c] != 0]

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each `channel`, a column for each measure."""
        return pd.DataFrame(vars(self)).rename_axis("channel").reset_index()


def goal_tracking(
    layer_split: LayerSplit,
    states: Sequence[MazeState],
    observe: Observe,
    config: MazeConfig,
    *,
    cells: int,
    generator: np.random.Generator,
) -> Tracking:
    """Move the cheese in mazes, and measure which channels change at its place.

    In each maze the mean map over all cheese cells is subtracted, which leaves the changes by the
    cheese. A channel that shows walls or the mouse has none.

    Args:
        layer_split: Network and layer.
        states: Mazes. Effects of the channels should be measured in other mazes.
        observe: Function that makes observations of states.
        config: The environment, for its view.
        cells: Number of cheese cells in each maze; fewer if it has fewer free squares.
        generator: Generator that draws the cells.

    Raises:
        ConfigError: If there is no maze, fewer than 2 cells, or the layer has no `[N, C, H, W]`.
    """
    if not states or cells < 2:
        raise ConfigError(
            "detecting channels that follow the cheese takes a maze and at least 2 cells"
        )
    changes, marks, values = [], [], []
    side = view_side(config)
    for state in states:
        free = [cell for cell in paths.free_cells(state.open) if cell != state.mouse]
        chosen = [free[i] for i in generator.permutation(len(free))[:cells]]
        moved = [with_cheese(state, cell) for cell in chosen]
        maps = layer_split.before(to_tensor(observe(moved))).double().numpy()
        if maps.ndim != 4:
            raise ConfigError(
                f"{layer_split.module} has no places: its output is {list(maps.shape[1:])}"
            )
        mark = np.zeros((len(moved), *maps.shape[2:]), np.bool_)
        for row, cell in enumerate(chosen):
            mark[(row, *layer_cell(state, cell, side, maps.shape[2:4]))] = True
        changes.append(maps - maps.mean(axis=0))
        marks.append(mark)
        values.append(maps)
    return _tracking(np.concatenate(changes), np.concatenate(marks), np.concatenate(values))


def with_cheese(state: MazeState, cell: tuple[int, int] | None) -> MazeState:
    """Return a copy of a maze with its only cheese on `cell`; None removes all cheese."""
    copy = state.copy()
    if cell is None:
        copy.remove_cheese()
    else:
        copy.move_cheese(*cell)
    return copy


def _tracking(
    change: NDArray[np.float64], mark: NDArray[np.bool_], value: NDArray[np.float64]
) -> Tracking:
    flat = change.swapaxes(0, 1).reshape(change.shape[1], -1)
    raw = value.swapaxes(0, 1).reshape(change.shape[1], -1)
    here = mark.ravel()
    centred = here - here.mean()
    std = flat.std(axis=1)
    moves = std > 1e-9 * np.maximum(1, np.abs(raw).max(axis=1))
    safe = np.where(moves, std, 1)
    correlation = np.where(moves, flat @ centred / here.size / (safe * here.std()), 0)
    std_elsewhere = flat[:, ~here].std(axis=1)
    jump = flat[:, here].mean(axis=1) - flat[:, ~here].mean(axis=1)
    # Up to rounding, a channel that changes nowhere else would have infinite selectivity.
    selectivity = np.where(moves, jump / np.maximum(std_elsewhere, 1e-3 * safe), 0)
    sign = np.where(correlation < 0, -1.0, 1.0)
    hits = np.where(moves, _hits(change * sign[None, :, None, None], mark), 0)
    at_cheese, elsewhere = raw[:, here].mean(axis=1), raw[:, ~here].mean(axis=1)
    return Tracking(correlation, hits, at_cheese, elsewhere, selectivity)


def _hits(change: NDArray[np.float64], mark: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the share of examples with the peak at the marked place or beside it, `[C]`."""
    width = change.shape[3]
    peak = change.reshape(*change.shape[:2], -1).argmax(axis=2)
    target = mark.reshape(len(mark), -1).argmax(axis=1)[:, None]
    rows = np.abs(peak // width - target // width)
    cols = np.abs(peak % width - target % width)
    found: NDArray[np.float64] = (np.maximum(rows, cols) <= 1).mean(axis=0)
    return found
