"""Draw attributions: by channel, their completeness, and their places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chisel.analysis.attribution.integrated_gradients import Attribution
from chisel.analysis.results import INK, Estimate, new_figure, style_axes

_FOR, _AGAINST = "#c2410c", "#2563eb"
_CHANNELS = 16
"""Number of channels that are drawn, which are those with the largest attributions."""


@dataclass(frozen=True)
class Swap:
    """The contribution of a set of channels to a score."""

    attributed: Estimate
    """Sum of the channels' attributions."""
    measured: Estimate
    """Fall of the score if the channels take the baseline's values."""


def attribution_figure(
    channels: Sequence[Estimate],
    found: Attribution,
    swapped: Mapping[str, Swap],
    pictures: Sequence[Callable[[Axes], Any]],
    score: str,
    title: str,
) -> Figure:
    """Draw channels, completeness and the measured check in one row, and moments below it.

    Args:
        channels: Mean attribution of each channel.
        found: All attributions.
        swapped: Attributed and measured contribution of each set of channels.
        pictures: Functions, each of which draws a moment and returns an image for the colour bar.
        score: Description of the score, in words.
        title: Title of the figure.
    """
    figure = new_figure(13, 3.6 + (3.5 if pictures else 0), title)
    parts = figure.subfigures(2 if pictures else 1, 1, squeeze=False)[:, 0]
    above = parts[0].subplots(1, 3, width_ratios=(2.2, 1.2, 1.4))
    _channels(above[0], channels)
    _completeness(above[1], found)
    _swaps(above[2], swapped)
    if pictures:
        below = parts[1].subplots(1, len(pictures), squeeze=False)[0]
        for ax, draw in zip(below, pictures, strict=True):
            image = draw(ax)
        bar = below[-1].inset_axes((1.04, 0, 0.05, 1))
        parts[1].colorbar(image, cax=bar, label="log-odds")
        parts[1].suptitle(f"{score}, all channels", fontsize=10)
    return figure


def _channels(ax: Axes, channels: Sequence[Estimate]) -> None:
    values = np.array([one.value for one in channels])
    order = np.argsort(-np.abs(values), kind="stable")[:_CHANNELS]
    order = order[np.argsort(-values[order], kind="stable")]
    low, high = (np.array([getattr(channels[c], end) for c in order]) for end in ("low", "high"))
    places = np.arange(len(order))
    colours = [_FOR if values[c] > 0 else _AGAINST for c in order]
    ax.bar(places, values[order], color=colours, width=0.75)
    if np.isfinite(low).all():
        ax.vlines(places, low, high, color=INK, lw=1)
    _style(ax, "mean attribution of channels; lines: 95 %", xlabel="channel", ylabel="log-odds")
    ax.set_xticks(places, [str(c) for c in order], fontsize=8)


def _completeness(ax: Axes, found: Attribution) -> None:
    both = np.concatenate([found.difference, found.total])
    ends = (min(0.0, float(both.min())), max(0.0, float(both.max())))
    ax.plot(ends, ends, color="#9ca3af", lw=1, zorder=1)
    ax.scatter(found.difference, found.total, s=14, color=_FOR, alpha=0.6, lw=0, zorder=2)
    labels = {"xlabel": "difference from the baseline", "ylabel": "sum of attributions"}
    _style(ax, "completeness, by decision", **labels)


def _swaps(ax: Axes, swapped: Mapping[str, Swap]) -> None:
    for shift, label, colour in ((-0.19, "attributed", "#f59e0b"), (0.19, "measured", INK)):
        estimates = [getattr(swap, label) for swap in swapped.values()]
        places = np.arange(len(estimates)) + shift
        ax.bar(places, [e.value for e in estimates], width=0.36, color=colour, label=label)
        if all(np.isfinite(e.low) for e in estimates):
            ax.vlines(places, [e.low for e in estimates], [e.high for e in estimates], "#9ca3af")
    _style(ax, "channels put back to the baseline; lines: 95 %", ylabel="log-odds lost")
    ax.set_xticks(range(len(swapped)), list(swapped), fontsize=8)
    ax.legend(frameon=False, fontsize=8)


def _style(ax: Axes, title: str, *, xlabel: str = "", ylabel: str = "") -> None:
    ax.axhline(0, color=INK, lw=0.6)
    style_axes(ax, title, xlabel=xlabel, ylabel=ylabel, grid="y")
