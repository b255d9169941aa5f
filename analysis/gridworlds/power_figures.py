"""Draw POWER: heat maps over a gridworld, beside AUP's penalty, and over orbits of rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from chisel import impact
from chisel.analysis.gridworlds.power_map import CellPower, Place
from chisel.analysis.gridworlds.power_orbits import ClosedForm, OrbitCount
from chisel.analysis.results import GREY, INK, PALE, PALETTE, new_row, style_axes
from chisel.impact import examples

_MOST_NUMBERS = 60
"""Largest number of cells with room for each one's value."""
_STATES = {"★": INK, "r▷": PALETTE[0], "ℓ◁": PALETTE[1], "ℓ↖": PALETTE[3], "∅": GREY}
"""States of figure 1 whose curves are drawn, and their colours."""
_APART = {"ℓ◁": 0.006, "ℓ↖": -0.006}
"""Shifts of the labels of two states whose curves end in the same point."""
_MORE, _LESS, _EQUAL = PALETTE[0], PALETTE[1], PALE


def map_figure(place: Place, maps: Mapping[str, CellPower], title: str) -> Figure:
    """Draw heat maps side by side, in the same colours.

    Args:
        place: World whose walls and glyphs at the start are drawn.
        maps: POWER of the cells, by title. A cell is grey if the agent never is there, or if the
            episode ends there.
        title: Title of the figure.
    """
    height, width = place.board.shape
    size = (max(0.75 * width, 3.6) * len(maps) + 1.2, 0.75 * height + 0.9)
    figure, axes = new_row(len(maps), *size, title)
    # POWER is far lower where the episode ends, so those cells would use most of the colours.
    every = np.concatenate([one.mean[(one.states > 0) & ~one.ends] for one in maps.values()])
    scale = Normalize(every.min(), max(every.max(), every.min() + 1e-6))
    for ax, (name, one) in zip(axes, maps.items(), strict=True):
        image = _draw_map(ax, place, one, scale)
        ax.set_title(name, fontsize=9)
    figure.colorbar(image, ax=axes, shrink=0.85, pad=0.02).ax.tick_params(labelsize=8)
    return figure


def _draw_map(ax: Axes, place: Place, cells: CellPower, scale: Normalize) -> Any:
    coloured = np.where(cells.ends, np.nan, cells.mean)
    image = ax.imshow(coloured, cmap="viridis", norm=scale)
    walls = place.board == ord("#")
    ax.imshow(np.where(walls, 1.0, np.nan), cmap="gray", vmin=0, vmax=4, interpolation="nearest")
    ax.set(facecolor=PALE, xticks=[], yticks=[])
    numbered = (cells.states > 0).sum() <= _MOST_NUMBERS
    for row, column in np.ndindex(*place.board.shape):
        glyph = chr(place.board[row, column])
        dark = scale(coloured[row, column]) < 0.6  # False where there is no colour
        colour = "white" if dark or glyph == "#" else INK
        if cells.states[row, column] and numbered:
            shown = f"{cells.mean[row, column]:.3f}".removeprefix("0")
            ax.text(column, row, shown, ha="center", va="center", color=colour, fontsize=8)
        if glyph not in "# ":
            corner = (column - 0.42, row - 0.4)
            ax.text(*corner, glyph, ha="left", va="top", color=colour, fontsize=7, weight="bold")
    ax.spines[:].set_visible(False)
    return image


def penalty_figure(
    relation: impact.PenaltyAndPower, noop: int, gamma: float, actions: tuple[str, ...], title: str
) -> Figure:
    """Draw the penalty against |change in POWER|: a dot for each state and action but the no-op.

    Args:
        relation: Penalty and change `[S, A]`.
        noop: Action that is left out.
        gamma: Slope of the line below which no dot can lie.
        actions: Names of the actions, by number.
        title: Title of the figure.
    """
    figure, (ax,) = new_row(1, 5.4, 4.4)
    change = np.abs(relation.power_change)
    acting = [action for action in range(len(actions)) if action != noop]
    for action, colour in zip(acting, PALETTE, strict=False):
        falls = relation.power_change[:, action] < 0
        for some, face in ((falls, colour), (~falls, "none")):
            dots = (change[some, action], relation.penalty[some, action])
            ax.scatter(*dots, s=18, facecolors=face, edgecolors=colour, lw=0.9, alpha=0.75)
        ax.plot([], [], "o", color=colour, ms=5, label=actions[action])
    end = float(change[:, acting].max())
    ax.plot([0, end], [0, gamma * end], color=INK, lw=0.9, ls="--", label="γ |change|: the least")
    ax.plot([], [], "o", mfc="none", mec=INK, ms=5, label="open: POWER rises")
    across = "|change in POWER| against doing nothing"
    style_axes(ax, title, xlabel=across, ylabel="mean AUP penalty")
    ax.legend(fontsize=8, frameon=False)
    return figure


def orbits_figure(forms: Sequence[ClosedForm], counts: Sequence[OrbitCount]) -> Figure:
    """Draw POWER by state over γ, with dots for closed forms, and counts of orbits beside it."""
    figure, (left, right) = new_row(2, 11, 0.9 + 0.27 * len(counts), width_ratios=(1, 1.15))
    _curves(left, forms)
    _bars(right, counts)
    return figure


def _curves(ax: Axes, forms: Sequence[ClosedForm]) -> None:
    gammas = np.linspace(0, 1, 26)
    states = [examples.FIGURE_1_STATES.index(name) for name in _STATES]
    power = np.array([impact.exact_power(examples.figure_1(), g, states) for g in gammas])
    for (name, colour), curve in zip(_STATES.items(), power.T, strict=True):
        ax.plot(gammas, curve, color=colour, lw=1.6)
        place = curve[-1] + _APART.get(name, 0.0)
        ax.text(1.03, place, name, color=colour, va="center", fontsize=11)
        known = [form for form in forms if form.quantity == f"POWER({name})"]
        ax.plot([f.gamma for f in known], [f.exact for f in known], "o", color=colour, ms=4.5)
    style_axes(ax, "POWER of the states of figure 1\n(dots: closed forms)", xlabel="discount γ")


def _bars(ax: Axes, counts: Sequence[OrbitCount]) -> None:
    for place, one in enumerate(counts):
        more, less, of = one.counts
        ax.barh(place, more, color=_MORE, height=0.72)
        ax.barh(place, of - more - less, left=more, color=_EQUAL, height=0.72)
        ax.barh(place, less, left=of - less, color=_LESS, height=0.72)
        proof = f"proven {one.proofs}:1" if one.proofs else "not proven"
        ink = INK if one.proofs else _LESS
        ax.text(1.015 * of, place, proof, va="center", fontsize=7.5, color=ink)
    labels = [f"{one.more} / {one.less}, γ={one.gamma:g}, {one.reward}" for one in counts]
    ax.set_yticks(range(len(counts)), labels, fontsize=7.5)
    ax.set_xlim(0, counts[0].counts.of)
    ax.invert_yaxis()
    ax.axvline(counts[0].counts.of / 2, color=INK, lw=0.7, ls=":")
    ax.set_title("permutations that prefer\nthe first (blue), the second (red)", fontsize=10)
    ax.tick_params(axis="x", labelsize=8)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
