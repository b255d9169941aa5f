"""Draw channels: their maps, their effects, and how well they lead the mouse."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from chisel.analysis.maze import draw_values
from chisel.analysis.maze.channels.retarget import RetargetMap
from chisel.analysis.results import (
    CHEESE,
    GREY,
    PALETTE,
    Estimate,
    explain,
    new_figure,
    new_row,
    plot_band,
    shared_legend,
    style_axes,
)

Effects = Mapping[str, Mapping[str, Estimate]]
"""Mean total variation by kind of set of channels that are taken from a donor together: with its
cheese on the `same` and on a `different` cell, and the `difference`."""

LED = {
    "base": "nothing done",
    "control": "other channels clamped",
    "clamped": "channels clamped",
    "moved": "cheese really there",
}
"""Interventions that lead the mouse, with words for each."""

_COLUMNS = 8
"""Number of channels side by side on a contact sheet."""
_DONORS = {
    "same": ("the same cell", PALETTE[0], -0.12),
    "different": ("another cell", PALETTE[1], 0.12),
}
"""Words, colour, and shift along the horizontal axis, by the place of the donor's cheese."""
_STEPS = {
    "distance": "steps from the start",
    "off_path": "steps off the way to the top-right corner",
}
"""Distances over which the scores are drawn, with words for each."""
_LED_COLOURS = {"base": GREY, "control": PALETTE[0], "clamped": CHEESE, "moved": PALETTE[2]}

_PATH = "normalised path probability"


def channel_sheet(
    with_cheese: NDArray[np.float64],
    without: NDArray[np.float64],
    title: str,
    notes: Mapping[int, str] | None = None,
) -> Figure:
    """Draw all channels of a layer for one maze, on the left with and on the right without cheese.

    Blue is negative, red positive; every channel has its own scale.

    Args:
        with_cheese: Maps `[C, H, W]` of the maze with its cheese.
        without: Maps `[C, H, W]` of the maze without cheese.
        title: Title of the figure.
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


def channels_figure(
    channels: pd.DataFrame, goal: Sequence[int], effects: Effects, title: str
) -> Figure:
    """Draw which channels follow the cheese, and the effects of single channels and of sets.

    Args:
        channels: A row for each channel, from `Tracking.to_frame`, with the effects of ablating it
            alone by `zero` and by its `mean`.
        goal: Channels that follow the cheese, which have another colour.
        effects: Effects of taking channels from a donor.
        title: Title of the figure.
    """
    figure, (left, middle, right) = new_row(3, 13, 4.2, title)
    colours = [CHEESE if c in goal else GREY for c in channels["channel"]]
    left.scatter(channels["correlation"], channels["hits"], c=colours, s=26)
    for row in channels.iloc[list(goal)].itertuples():
        at = (row.correlation, row.hits)
        left.annotate(str(row.channel), at, (3, 3), textcoords="offset points", fontsize=8)
    style_axes(
        left,
        "which channels follow the cheese",
        xlabel="correlation with the cheese's place",
        ylabel="peaks beside the cheese",
    )
    middle.scatter(channels["zero"], channels["mean"], c=colours, s=26)
    limit = 1.08 * max(channels["zero"].max(), channels["mean"].max(), 1e-3)
    middle.plot([0, limit], [0, limit], lw=0.8, c=GREY, zorder=0)
    style_axes(
        middle,
        "each channel alone",
        xlabel="ablated by zero: mean total variation",
        ylabel="ablated by the mean",
    )
    _draw_effects(right, effects)
    return figure


def resampling_figure(of_each: Sequence[Effects], joined: Effects, title: str) -> Figure:
    """Draw means over seeds of the effects of taking channels from a donor, and a dot per seed."""
    figure, (ax,) = new_row(1, 5.6, 4.2, title)
    for place, name in enumerate(joined):
        for kind, (_, colour, shift) in _DONORS.items():
            values = [effects[name][kind].value for effects in of_each]
            at = [place + shift + 0.06] * len(values)
            ax.plot(at, values, "o", ms=3, mfc="none", mec=colour)
    _draw_effects(ax, joined)
    return figure


def _draw_effects(ax: Axes, effects: Effects) -> None:
    """Draw a dot with its interval for each kind of set and of donor."""
    for place, found in enumerate(effects.values()):
        for kind, (cell, colour, shift) in _DONORS.items():
            one = found[kind]
            ends = np.nan_to_num([[one.value - one.low], [one.high - one.value]])
            label = None if place else f"cheese on {cell}"
            ax.errorbar(place + shift, one.value, yerr=ends, fmt="o", c=colour, label=label)
    style_axes(ax, "channels taken from another maze", ylabel="mean total variation (95 %)")
    low, high = ax.get_ylim()
    ax.set(xticks=range(len(effects)), xticklabels=effects, xlim=(-0.5, len(effects) - 0.5))
    ax.set_ylim(min(0, low), 1.35 * high)  # room for the legend
    ax.legend(fontsize=8, frameon=False, loc="upper left")


def led_figure(of_each: Sequence[pd.DataFrame]) -> Figure:
    """Draw path probabilities by distance from the start and from the path to the corner.

    Lines are means over seeds of means over squares, with a band if there are several seeds. They
    cover the distances that occur in every seed's mazes.

    Args:
        of_each: Squares of all mazes of each seed, from `RetargetMap.to_frame`, with a column for
            each of `LED` that was measured.
    """
    seeds = "" if len(of_each) == 1 else f", {len(of_each)} training seeds"
    figure, axes = new_row(2, 10, 4, f"Leading the mouse{seeds}", sharey=True)
    for ax, (column, what) in zip(axes, _STEPS.items(), strict=True):
        means = [squares.groupby(column).mean(numeric_only=True) for squares in of_each]
        steps = sorted(set.intersection(*(set(one.index) for one in means)))
        for kind in (kind for kind in LED if kind in of_each[0]):
            curves = [one.loc[steps, kind].to_numpy() for one in means]
            line: dict[str, Any] = {
                "marker": "o",
                "ms": 3,
                "color": _LED_COLOURS[kind],
                "label": LED[kind],
            }
            plot_band(ax, np.array(steps), curves, within=(0, 1), **line)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        style_axes(ax, xlabel=what)
    axes[0].set(ylim=(0, 1), ylabel=_PATH)
    shared_legend(figure, axes[0], ncols=len(LED), frameon=None)
    if len(of_each) > 1:
        explain(figure, "bands: 95 % intervals over training seeds (Student's t)")
    return figure


def retarget_figure(found: RetargetMap, title: str) -> Figure:
    """Draw path probabilities of a maze's squares: unchanged, channels clamped, cheese moved."""
    panels = {"nothing done": found.base, "channels clamped there": found.clamped}
    if found.moved is not None:
        panels["cheese really there"] = found.moved
    cells = np.array(found.targets, np.int64)
    figure, axes = new_row(len(panels), 4.4 * len(panels) + 0.6, 4.6, title)
    for ax, (name, values) in zip(axes, panels.items(), strict=True):
        image = draw_values(ax, found.state, cells, values)
        image.set_clim(0, 1)
        ax.set_title(f"{name}: mean {values.mean():.2f}", fontsize=10)
    figure.colorbar(image, cax=axes[-1].inset_axes((1.03, 0, 0.05, 1)), label=_PATH)
    return figure
