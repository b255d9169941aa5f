"""Pictures of an ablation matrix."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chisel.analysis.ablation.matrix import AblationMatrix, Row

_COLOURS = ("#d1495b", "#1f77b4", "#2e8b57", "#edae49", "#6a4c93", "#00798c")
_GAP = 0.4
_WHOLE, _RANDOM, _OTHER = "#14141f", "#9a9aa5", "#8d5524"


def ablation_figure(
    matrix: AblationMatrix, title: str, *, metrics: Sequence[str] | None = None
) -> Figure:
    """One panel for each metric: a dot with its 95 % interval for each ablation.

    The band is the whole network's interval. Random regions are grey.

    Args:
        matrix: What to draw.
        title: One line above.
        metrics: Which, in which order; None draws all.
    """
    shown = list(metrics or matrix.metrics)
    rows = matrix.rows
    size = (1.6 + 1.9 * len(shown), 1.1 + 0.3 * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    colours = _colours(rows)
    for ax, metric in zip(axes, shown, strict=True):
        _draw(ax, rows, metric, colours)
    axes[0].set_yticks(_places(rows), [_label(row) for row in rows], fontsize=9)
    for tick, colour in zip(axes[0].get_yticklabels(), colours, strict=True):
        tick.set_color(colour)
    axes[0].invert_yaxis()
    figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def _draw(ax: Axes, rows: Sequence[Row], metric: str, colours: Sequence[str]) -> None:
    whole = rows[0].metrics[metric]
    if not np.isnan(whole.low):
        ax.axvspan(whole.low, whole.high, color=_WHOLE, alpha=0.08, linewidth=0)
    ax.axvline(whole.value, color=_WHOLE, linewidth=0.8, alpha=0.5)
    for place, row, colour in zip(_places(rows), rows, colours, strict=True):
        value = row.metrics[metric]
        ax.plot([value.low, value.high], [place, place], color=colour, linewidth=1.6)
        ax.plot(value.value, place, "o", color=colour, ms=4.5)
    ax.set_title(metric, fontsize=10)
    ax.tick_params(axis="x", labelsize=8)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", alpha=0.25, linewidth=0.6)
    ax.spines[["top", "right", "left"]].set_visible(False)
    if all(0 <= row.metrics[metric].value <= 1 for row in rows):
        ax.set_xlim(-0.04, 1.04)
        ax.set_xticks([0, 0.5, 1])


def _places(rows: Sequence[Row]) -> list[float]:
    """Heights, with a gap wherever another kind of row begins."""
    kinds = [(row.kind, row.like) for row in rows]
    gaps = [0.0] + [_GAP * (one != other) for one, other in itertools.pairwise(kinds)]
    return [place + sum(gaps[: place + 1]) for place in range(len(rows))]


def _label(row: Row) -> str:
    if row.kind == "none":
        return "whole network"
    return f"without {row.name.replace(':', ', size of ')}"


def _colours(rows: Sequence[Row]) -> list[str]:
    regions = [row.name for row in rows if row.kind == "region"]
    of = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(regions)}
    kinds = {"none": _WHOLE, "random": _RANDOM, "other": _OTHER}
    return [of[row.name] if row.kind == "region" else kinds[row.kind] for row in rows]
