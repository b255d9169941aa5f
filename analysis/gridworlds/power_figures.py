"""Pictures of POWER: heat maps over a gridworld, and beside what AUP penalises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from chisel import impact
from chisel.analysis.gridworlds.power_map import CellPower, Place

_NOWHERE, _INK, _PAPER = "#c9c9d1", "#14141f", "#ffffff"
_COLOURS = ("#1f77b4", "#d1495b", "#2e8b57", "#edae49", "#6a4c93")
_MOST_NUMBERS = 60
"""Cells that still have room for their number."""


def map_figure(place: Place, maps: Mapping[str, CellPower], title: str) -> Figure:
    """Heat maps side by side, in the same colours.

    Args:
        place: The world, whose walls and glyphs at the start are drawn.
        maps: What to draw, by its title. Cells are grey where the agent never is, and where it can
            do nothing any more.
        title: One line above.
    """
    height, width = place.board.shape
    size = (max(0.75 * width, 3.6) * len(maps) + 1.2, 0.75 * height + 0.9)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(maps), squeeze=False)[0]
    # Where everything ends nothing is left to choose: it would take up most of the colours.
    every = np.concatenate([one.mean[(one.states > 0) & ~one.ends] for one in maps.values()])
    scale = Normalize(every.min(), max(every.max(), every.min() + 1e-6))
    for ax, (name, one) in zip(axes, maps.items(), strict=True):
        image = _draw_map(ax, place, one, scale)
        ax.set_title(name, fontsize=9)
    figure.colorbar(image, ax=axes, shrink=0.85, pad=0.02).ax.tick_params(labelsize=8)
    figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def _draw_map(ax: Axes, place: Place, cells: CellPower, scale: Normalize) -> Any:
    coloured = np.where(cells.ends, np.nan, cells.mean)
    image = ax.imshow(coloured, cmap="viridis", norm=scale)
    walls = place.board == ord("#")
    ax.imshow(np.where(walls, 1.0, np.nan), cmap="gray", vmin=0, vmax=4, interpolation="nearest")
    ax.set_facecolor(_NOWHERE)
    numbered = (cells.states > 0).sum() <= _MOST_NUMBERS
    for row, column in np.ndindex(*place.board.shape):
        glyph = chr(place.board[row, column])
        dark = scale(coloured[row, column]) < 0.6  # False where there is no colour
        colour = _PAPER if dark or glyph == "#" else _INK
        if cells.states[row, column] and numbered:
            shown = f"{cells.mean[row, column]:.3f}".removeprefix("0")
            ax.text(column, row, shown, ha="center", va="center", color=colour, fontsize=8)
        if glyph not in "# ":
            corner = (column - 0.42, row - 0.4)
            ax.text(*corner, glyph, ha="left", va="top", color=colour, fontsize=7, weight="bold")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    return image


def penalty_figure(
    found: impact.PenaltyAndPower, noop: int, gamma: float, actions: tuple[str, ...], title: str
) -> Figure:
    """A dot for each state and action other than the no-op: penalty beside |change in POWER|.

    Args:
        found: Both, `[S, A]`.
        noop: The action left out.
        gamma: Slope of the line that no dot can lie below.
        actions: Names by number.
        title: One line above.
    """
    figure = Figure(figsize=(5.4, 4.4), layout="constrained")
    ax = figure.subplots()
    change = np.abs(found.power_change)
    acting = [action for action in range(len(actions)) if action != noop]
    for action, colour in zip(acting, _COLOURS, strict=False):
        less = found.power_change[:, action] < 0
        _dots(ax, change[less, action], found.penalty[less, action], colour, actions[action])
        _dots(ax, change[~less, action], found.penalty[~less, action], colour, None)
    end = float(change[:, acting].max())
    ax.plot([0, end], [0, gamma * end], color=_INK, lw=0.9, ls="--", label="γ |change|: the least")
    ax.plot([], [], "o", mfc="none", mec=_INK, ms=5, label="open: POWER rises")
    ax.set_xlabel("|change in POWER| against doing nothing", fontsize=9)
    ax.set_ylabel("mean AUP penalty", fontsize=9)
    ax.set_title(title, fontsize=10, fontweight="bold")
    ax.legend(fontsize=8, frameon=False)
    ax.tick_params(labelsize=8)
    ax.grid(alpha=0.25, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def _dots(ax: Axes, across: NDArray[Any], up: NDArray[Any], colour: str, label: str | None) -> None:
    """Filled if they have a label: of actions after which less can be done."""
    face = colour if label else "none"
    ax.scatter(across, up, s=18, facecolors=face, edgecolors=colour, lw=0.9, alpha=0.75)
    if label:
        ax.plot([], [], "o", color=colour, ms=5, label=label)
