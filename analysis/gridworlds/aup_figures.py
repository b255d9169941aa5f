"""Draw the studies of AUP in gridworlds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from chisel.analysis.gridworlds.delayed_residuals import Residual
from chisel.analysis.gridworlds.side_effects import OUTCOMES
from chisel.analysis.results import INK, PALE, PALETTE, Estimate, new_figure, plot_band, style_axes

_OUTCOME_COLOURS = (PALETTE[1], PALETTE[3], PALE, PALETTE[2])
"""Colours of the four outcomes, worst first."""
_PASSED, _FAILED, _NOTE = PALETTE[2], PALETTE[1], PALETTE[7]
_SHARES = LinearSegmentedColormap.from_list("shares", ["#f2b8b0", "#fbf6e6", "#a9d8b4"])


@dataclass(frozen=True)
class Passes:
    """The trials of one agent in one world that passed, beside the paper's verdict.

    Attributes:
        passed: Number of trials that were as good as the world allows.
        share: The same as a share, with its interval.
        published: The paper's verdict, where it has one.
        artefact: Whether the verdict depends on how values were learned rather than on the penalty.
    """

    passed: int
    share: Estimate
    published: bool | None
    artefact: bool

    @property
    def agrees(self) -> bool:
        """Whether most trials ended as the paper says, if it says anything."""
        return self.published is None or (2 * self.passed > self.share.n) == self.published

    @property
    def tick(self) -> str:
        """Mark of the paper's verdict."""
        return "" if self.published is None else "✓" if self.published else "✗"


def comparison_grid(cells: Mapping[tuple[str, str], Passes], title: str) -> Figure:
    """Draw passes by agent and world, coloured by their share, with the paper's verdicts.

    Args:
        cells: Passes by agent and world.
        title: One line above.
    """
    agents, worlds = (list(dict.fromkeys(names)) for names in zip(*cells, strict=True))
    figure = new_figure(2.2 + 1.35 * len(worlds), 1.5 + 0.68 * len(agents), title)
    ax = figure.subplots()
    for (agent, world), cell in cells.items():
        _draw_cell(ax, worlds.index(world), agents.index(agent), cell)
    ax.set_xlim(-0.5, len(worlds) - 0.5)
    ax.set_ylim(len(agents) - 0.5, -0.5)
    ax.set_xticks(range(len(worlds)), [world.capitalize() for world in worlds], fontsize=10)
    ax.set_yticks(range(len(agents)), agents, fontsize=10)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    notes = ["Passes of trials, 95 % interval, and the paper's verdict (✓ ✗)"]
    if any(cell.artefact for cell in cells.values()):
        notes.append("Dashed: an artefact of how values were learned")
    if not all(cell.agrees for cell in cells.values()):
        notes.append("Thick: the majority says otherwise")
    figure.supxlabel(". ".join(notes), fontsize=8, color=_NOTE)
    return figure


def _draw_cell(ax: Axes, column: int, row: int, cell: Passes) -> None:
    share = cell.share
    corner = (column - 0.48, row - 0.46)
    ax.add_patch(Rectangle(corner, 0.96, 0.92, facecolor=_SHARES(share.value), edgecolor="none"))
    inner = (column - 0.46, row - 0.43)
    if cell.artefact or not cell.agrees:
        style = "--" if cell.agrees else "-"
        width = 1.4 if cell.agrees else 2.4
        ax.add_patch(Rectangle(inner, 0.92, 0.86, fill=False, linestyle=style, linewidth=width))
    text = f"{cell.passed}/{share.n}"
    ax.text(column - 0.06, row - 0.08, text, ha="center", va="center", fontsize=12, color=INK)
    ends = f"{share.low:.2f} - {share.high:.2f}"
    ax.text(column, row + 0.27, ends, ha="center", va="center", fontsize=7.5, color=_NOTE)
    colour = _PASSED if cell.published else _FAILED
    place = (column + 0.35, row - 0.2)
    ax.text(*place, cell.tick, ha="center", va="center", fontsize=12, color=colour)


def outcome_figure(
    panels: Mapping[tuple[str, str], NDArray[np.int64]],
    ticks: Mapping[str, Sequence[str]],
    title: str,
    *,
    cliff: Mapping[str, float] | None = None,
) -> Figure:
    """Draw bars of the four outcomes: a row of panels for each setting, a column for each world.

    Args:
        panels: Counts `[P, 4]` by row and world.
        ticks: By row, the text of the value at each point.
        title: One line above.
        cliff: By row, where between the points to draw a line: 1.5 is halfway from the second to
            the third.
    """
    rows, worlds = (list(dict.fromkeys(names)) for names in zip(*panels, strict=True))
    figure = new_figure(1.0 + 2.3 * len(worlds), 1.1 + 1.75 * len(rows), title)
    axes = figure.subplots(len(rows), len(worlds), squeeze=False, sharey=True)
    for (row, world), counts in panels.items():
        ax = axes[rows.index(row), worlds.index(world)]
        _stack(ax, counts, ticks[row])
        if cliff and row in cliff:
            ax.axvline(cliff[row], color=INK, linewidth=1, linestyle=":")
    for ax, world in zip(axes[0], worlds, strict=True):
        ax.set_title(world.capitalize(), fontsize=10)
    for ax, row in zip(axes[:, 0], rows, strict=True):
        ax.set_ylabel(row, fontsize=9)
    handles = [Patch(color=colour) for colour in _OUTCOME_COLOURS]
    figure.legend(handles, OUTCOMES, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def _stack(ax: Axes, counts: NDArray[np.int64], ticks: Sequence[str]) -> None:
    shares = counts / counts.sum(axis=-1, keepdims=True)
    below = np.zeros(len(shares))
    for colour, height in zip(_OUTCOME_COLOURS, shares.T, strict=True):
        ax.bar(range(len(shares)), height, bottom=below, color=colour, width=0.9)
        below = below + height
    ax.set_xticks(range(len(ticks)), ticks, fontsize=7, rotation=90)
    ax.set_yticks([0, 0.5, 1], ["0", "½", "1"], fontsize=8)
    ax.set_ylim(0, 1)
    ax.set_xlim(-0.6, len(shares) - 0.4)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def learning_figure(curves: Mapping[tuple[str, str], NDArray[np.float64]], every: int) -> Figure:
    """Draw performance while learning, mean and 95 % band over trials: a panel for each world.

    Args:
        curves: Performance `[N, E]` of each trial and evaluation, by agent and world.
        every: Number of episodes between two evaluations.
    """
    agents, worlds = (list(dict.fromkeys(names)) for names in zip(*curves, strict=True))
    figure = new_figure(1.0 + 2.3 * len(worlds), 2.9)
    axes = figure.subplots(1, len(worlds), squeeze=False, sharey=True)[0]
    colours = dict(zip(agents, PALETTE, strict=False))
    for (agent, world), trials in curves.items():
        ax, episodes = axes[worlds.index(world)], every * np.arange(trials.shape[1]) / 1000
        plot_band(ax, episodes, list(trials), color=colours[agent], label=agent)
    for ax, world in zip(axes, worlds, strict=True):
        style_axes(ax, world.capitalize())
        ax.set_ylim(-2.1, 1.1)
        ax.set_yticks([-2, -1, 0, 1])
    axes[0].set_ylabel("hidden performance", fontsize=9)
    figure.supxlabel("thousands of episodes", fontsize=9)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper center", ncols=len(agents), frameon=False, fontsize=9
    )
    return figure


def residuals_figure(residuals: Sequence[Residual], title: str) -> Figure:
    """Draw a row of panels for each world, one for each true reward: a dot for each AUP seed."""
    worlds = list(dict.fromkeys(one.world for one in residuals))
    truths = list(dict.fromkeys(one.truth for one in residuals))
    figure = new_figure(2.5 * len(truths) + 0.4, 2.3 * len(worlds) + 0.6, title)
    axes = figure.subplots(len(worlds), len(truths), squeeze=False)
    for world, line in zip(worlds, axes, strict=True):
        for truth, ax in zip(truths, line, strict=True):
            shown = [one for one in residuals if (one.world, one.truth) == (world, truth)]
            if shown:
                _draw_residuals(ax, shown, f"{world}: {truth}")
            else:
                ax.set_axis_off()
        line[0].set_ylabel("AUP less standard", fontsize=9)
    return figure


def _draw_residuals(ax: Axes, residuals: Sequence[Residual], title: str) -> None:
    ax.axhline(0, color=INK, lw=0.7, alpha=0.5)
    for place, (one, colour) in enumerate(zip(residuals, PALETTE, strict=False)):
        across = place + np.linspace(-0.22, 0.22, len(one.aup))
        ax.plot(across, one.aup, "o", color=colour, ms=3, alpha=0.7)
        ax.plot([place - 0.34, place + 0.34], [one.mean.value] * 2, color=INK, lw=1.4)
    ax.set_xticks(range(len(residuals)), [one.revelation for one in residuals], fontsize=8)
    ax.set_xlim(-0.6, len(residuals) - 0.4)
    style_axes(ax, title, grid="y")
