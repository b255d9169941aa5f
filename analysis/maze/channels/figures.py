"""Figures of channels: their maps, and how well the mouse is led to each square."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from chisel.analysis.maze import VectorField, draw_values
from chisel.analysis.maze.channels.retarget import RetargetMap
from chisel.analysis.results import new_figure

_COLUMNS = 8
"""Channels side by side on a contact sheet."""


def channel_sheet(
    with_cheese: NDArray[np.float64],
    without: NDArray[np.float64],
    title: str,
    notes: Mapping[int, str] | None = None,
) -> Figure:
    """Draw all channels of a layer for one maze, with the cheese on the left, without on the right.

    Blue is negative, red positive; every channel has its own scale.

    Args:
        with_cheese: Maps `[C, H, W]`.
        without: Maps `[C, H, W]` of the maze without cheese.
        title: One line above.
        notes: Texts after the numbers of some channels, whose titles are bold.
    """
    count, texts = len(with_cheese), notes or {}
    columns = min(_COLUMNS, count)
    lines = math.ceil(count / columns)
    figure = new_figure(2.05 * columns, 1.15 * lines + 0.5, title)
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for channel, ax in enumerate(axes):
        ax.set_axis_off()
        if channel < count:
            _pair(ax, with_cheese[channel], without[channel])
            weight = "bold" if channel in texts else "normal"
            text = f"{channel} {texts.get(channel, '')}".strip()
            ax.set_title(text, fontsize=7.5, pad=2, fontweight=weight)
    return figure


def _pair(ax: Axes, left: NDArray[np.float64], right: NDArray[np.float64]) -> None:
    limit = float(max(np.abs(left).max(), np.abs(right).max())) or 1.0
    for place, values in enumerate((left, right)):
        ax.imshow(
            values,
            extent=(1.12 * place, 1.12 * place + 1, 0, 1),
            cmap="RdBu_r",
            vmin=-limit,
            vmax=limit,
            interpolation="nearest",
        )
    ax.set_xlim(-0.1, 2.22)


def retarget_figure(found: RetargetMap, title: str) -> Figure:
    """Draw path probabilities of a maze's squares: as it is, channels clamped, cheese moved."""
    panels = {"nothing done": found.base, "channels clamped there": found.clamped}
    if found.moved is not None:
        panels["cheese really there"] = found.moved
    figure = new_figure(4.4 * len(panels) + 0.6, 4.6, title)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for ax, (name, values) in zip(axes, panels.items(), strict=True):
        image = draw_values(ax, _as_field(found, values))
        image.set_clim(0, 1)
        ax.set_title(f"{name}: mean {values.mean():.2f}", fontsize=10)
    figure.colorbar(image, cax=axes[-1].inset_axes((1.03, 0, 0.05, 1)))
    return figure


def _as_field(found: RetargetMap, values: NDArray[np.float64]) -> VectorField:
    """Return a field with these values and without moves, for `draw_values`."""
    cells = np.array(found.targets, np.int64)
    idle = np.zeros((len(cells), 5))
    return VectorField(cells, idle, values, found.state, "left")
