"""Turn ablation matrices into a result: numbers, a table and a figure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chisel.analysis.ablation.matrix import AblationMatrix, Row, over_seeds
from chisel.analysis.results import (
    GREY,
    INK,
    PALETTE,
    Result,
    explain,
    new_row,
    style_axes,
)

_GAP = 0.4
"""Space between rows of different kinds, as a share of the space between rows."""


def ablation_result(
    study: str,
    matrices: Sequence[AblationMatrix],
    title: str,
    more: Mapping[str, Any] | None = None,
) -> Result:
    """Return the result of a study of ablations.

    Args:
        study: Name of the study, and of its table and figure.
        matrices: A matrix for each network; several are combined over seeds.
        title: Title of the figure and the table.
        more: Further data.
    """
    together = over_seeds(matrices)
    data = {"ablation": together, "of_each": matrices, **(more or {})}
    figure = ablation_figure(together, title)
    return Result(data, {study: together.table(title)}, {study: figure})


def ablation_figure(matrix: AblationMatrix, title: str) -> Figure:
    """Draw one panel for each metric: a dot with its 95 % interval for each ablation.

    The band is the whole network's interval. Random regions are grey.
    """
    shown, rows = matrix.metrics, matrix.rows
    figure, axes = new_row(
        len(shown), 1.6 + 1.9 * len(shown), 1.1 + 0.3 * len(rows), title, sharey=True
    )
    colours = _colours(rows)
    for ax, metric in zip(axes, shown, strict=True):
        _draw(ax, rows, metric, colours)
    axes[0].set_yticks(_places(rows), [row.label for row in rows], fontsize=9)
    for tick, colour in zip(axes[0].get_yticklabels(), colours, strict=True):
        tick.set_color(colour)
    axes[0].invert_yaxis()
    n = rows[0].metrics[shown[0]].n
    explain(figure, f"lines: 95 % intervals, n = {n:,}; grey band: the whole network's")
    return figure


def _draw(ax: Axes, rows: Sequence[Row], metric: str, colours: Sequence[str]) -> None:
    whole = rows[0].metrics[metric]
    if not np.isnan(whole.low):
        ax.axvspan(whole.low, whole.high, color=INK, alpha=0.08, linewidth=0)
    ax.axvline(whole.value, color=INK, linewidth=0.8, alpha=0.5)
    for place, row, colour in zip(_places(rows), rows, colours, strict=True):
        value = row.metrics[metric]
        ax.plot([value.low, value.high], [place, place], color=colour, linewidth=1.6)
        ax.plot(value.value, place, "o", color=colour, ms=4.5)
    style_axes(ax, metric, grid="x")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    if all(0 <= row.metrics[metric].value <= 1 for row in rows):
        ax.set_xlim(-0.04, 1.04)
        ax.set_xticks([0, 0.5, 1])


def _places(rows: Sequence[Row]) -> list[float]:
    """Return the heights of rows, with a gap before each new kind of row."""
    kinds = [(row.kind, row.like) for row in rows]
    gaps = [0.0] + [_GAP * (one != other) for one, other in itertools.pairwise(kinds)]
    return [place + sum(gaps[: place + 1]) for place in range(len(rows))]


def _colours(rows: Sequence[Row]) -> list[str]:
    regions = itertools.cycle(PALETTE)
    kinds = {"none": INK, "random": GREY}
    return [kinds.get(row.kind) or next(regions) for row in rows]
