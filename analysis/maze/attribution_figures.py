"""Pictures of attributions: which channels, whether they add up, and where in the maze."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from chisel.analysis.attribution import Attribution
from chisel.analysis.results import CHEESE, INK, Estimate, new_figure, plain_axes
from chisel.envs.maze import MazeState

_FOR, _AGAINST = "#c2410c", "#2563eb"
_WALL, _FLOOR = "#4b5563", "#ffffff"
_CHANNELS = 16
"""How many channels are drawn: those with the largest attributions."""


@dataclass(frozen=True, eq=False)
class Example:
    """One maze, and what each place of the layer adds to the decision there."""

    state: MazeState
    places: NDArray[np.float64]
    """Attributions summed over channels `[H, W]`, row 0 on top."""
    side: int
    """Squares along a side of what the network sees."""
    total: float
    """Sum of all attributions, in log-odds."""


def attribution_figure(
    channels: Sequence[Estimate],
    found: Attribution,
    swapped: Mapping[str, tuple[Estimate, Estimate]],
    examples: Sequence[Example],
    title: str,
) -> Figure:
    """Draw channels, completeness and the measured check in one row, and mazes below it.

    Args:
        channels: Mean attribution of each channel over mazes.
        found: The attributions of all mazes.
        swapped: For each set of channels, what is attributed to it, and how much the score really
            falls when it takes the values of the baseline.
        examples: Mazes that are drawn; none for a layer without places.
        title: One line above.
    """
    figure = new_figure(13, 3.6 + (3.5 if examples else 0), title)
    parts = figure.subfigures(2 if examples else 1, 1, squeeze=False)[:, 0]
    above = parts[0].subplots(1, 3, width_ratios=(2.2, 1.2, 1.4))
    _channels(above[0], channels)
    _completeness(above[1], found)
    _swaps(above[2], swapped)
    if examples:
        below = parts[1].subplots(1, len(examples), squeeze=False)[0]
        limit = max(float(np.abs(one.places).max()) for one in examples) or 1.0
        for ax, example in zip(below, examples, strict=True):
            image = _maze(ax, example, limit)
        bar = below[-1].inset_axes((1.04, 0, 0.05, 1))
        parts[1].colorbar(image, cax=bar, label="log-odds for the cheese's way")
        parts[1].suptitle(
            "where in the maze, all channels (▲ cheese, ○ decision square)", fontsize=10
        )
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
    ax.set_xticks(places, [str(c) for c in order], fontsize=8)
    ax.set_xlabel("channel")
    ax.set_ylabel("log-odds of the cheese's way")
    ax.set_title("mean attribution of channels", fontsize=10)
    _plain(ax)


def _completeness(ax: Axes, found: Attribution) -> None:
    both = np.concatenate([found.difference, found.total])
    ends = (min(0.0, float(both.min())), max(0.0, float(both.max())))
    ax.plot(ends, ends, color="#9ca3af", lw=1, zorder=1)
    ax.scatter(found.difference, found.total, s=14, color=_FOR, alpha=0.6, lw=0, zorder=2)
    ax.set_xlabel("difference from the baseline")
    ax.set_ylabel("sum of attributions")
    ax.set_title("completeness, by maze", fontsize=10)
    _plain(ax)


def _swaps(ax: Axes, swapped: Mapping[str, tuple[Estimate, Estimate]]) -> None:
    for shift, label, colour in ((-0.19, "attributed", "#f59e0b"), (0.19, "measured", INK)):
        estimates = [pair[int(shift > 0)] for pair in swapped.values()]
        places = np.arange(len(estimates)) + shift
        ax.bar(places, [e.value for e in estimates], width=0.36, color=colour, label=label)
        if all(np.isfinite(e.low) for e in estimates):
            ax.vlines(places, [e.low for e in estimates], [e.high for e in estimates], "#9ca3af")
    ax.set_xticks(range(len(swapped)), list(swapped), fontsize=8)
    ax.set_title("channels put back to the baseline", fontsize=10)
    ax.set_ylabel("log-odds lost")
    ax.legend(frameon=False, fontsize=8)
    _plain(ax)


def _maze(ax: Axes, example: Example, limit: float) -> AxesImage:
    state, ring = example.state, (example.side - example.state.maze_dim) / 2
    edge = state.maze_dim - 0.5
    ax.set_facecolor(_WALL)
    for row, col in np.argwhere(state.open):
        ax.add_patch(Rectangle((col - 0.5, row - 0.5), 1, 1, facecolor=_FLOOR, linewidth=0))
    low, high = -ring - 0.5, example.side - ring - 0.5
    image = ax.imshow(
        example.places,
        extent=(low, high, low, high),
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        alpha=0.75,
        interpolation="nearest",
        zorder=2,
    )
    for row, col in state.cheese:
        ax.plot(col, row, "^", ms=9, mfc=CHEESE, mec=_FLOOR, mew=1.2, zorder=3)
    ax.plot(state.mouse[1], state.mouse[0], "o", ms=7, mfc=_FLOOR, mec=INK, mew=1.2, zorder=3)
    ax.set_xlim(-1.2, edge + 0.7)
    ax.set_ylim(-1.2, edge + 0.7)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_title(f"level {state.level_seed}: {example.total:+.1f}", fontsize=9)
    return image


def _plain(ax: Axes) -> None:
    ax.axhline(0, color=INK, lw=0.6)
    plain_axes(ax, "y")
