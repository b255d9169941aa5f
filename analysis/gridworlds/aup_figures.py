"""Pictures of the studies of AUP in gridworlds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from chisel.analysis.gridworlds.side_effects import OUTCOMES
from chisel.analysis.results import Estimate, band

_COLOURS = ("#b2182b", "#f4a582", "#c9c9cf", "#2e8b57")
"""Of the four outcomes, worst first."""
_INK, _FAINT = "#14141f", "#6c6c78"
_SHARES = LinearSegmentedColormap.from_list("shares", ["#f2b8b0", "#fbf6e6", "#a9d8b4"])


@dataclass(frozen=True)
class Cell:
    """How one agent did in one world.

    Attributes:
        passed: Trials that were as good as the world allows.
        share: The same as a share, with its interval.
        published: The paper's verdict, where it has one.
        artefact: The verdict has more to do with how values were learned than with the penalty.
    """

    passed: int
    share: Estimate
    published: bool | None
    artefact: bool

    @property
    def agrees(self) -> bool:
        """Most trials ended as the paper says, if it says anything."""
        return self.published is None or (2 * self.passed > self.share.n) == self.published

    @property
    def tick(self) -> str:
        """The paper's."""
        return "" if self.published is None else "✓" if self.published else "✗"


def ablation_grid(cells: Mapping[tuple[str, str], Cell], title: str) -> Figure:
    """Passes by agent and world, coloured by their share, with the paper's ticks.

    Args:
        cells: By agent and world.
        title: One line above.
    """
    agents, worlds = (list(dict.fromkeys(names)) for names in zip(*cells, strict=True))
    size = (2.2 + 1.35 * len(worlds), 1.5 + 0.68 * len(agents))
    figure = Figure(figsize=size, layout="constrained")
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
    figure.suptitle(title, fontsize=11, fontweight="bold")
    note = "Passes of trials, 95 % interval, and the paper's verdict (✓ ✗)"
    marks = {
        "Dashed: an artefact of how values were learned": any(
            cell.artefact for cell in cells.values()
        )
    }
    marks["Thick: the majority says otherwise"] = not all(cell.agrees for cell in cells.values())
    note = ". ".join([note, *(text for text, shown in marks.items() if shown)])
    figure.supxlabel(note, fontsize=8, color=_FAINT)
    return figure


def _draw_cell(ax: Axes, column: int, row: int, cell: Cell) -> None:
    share = cell.share
    corner = (column - 0.48, row - 0.46)
    ax.add_patch(Rectangle(corner, 0.96, 0.92, facecolor=_SHARES(share.value), edgecolor="none"))
    inner = (column - 0.46, row - 0.43)
    if cell.artefact or not cell.agrees:
        style = "--" if cell.agrees else "-"
        width = 1.4 if cell.agrees else 2.4
        ax.add_patch(Rectangle(inner, 0.92, 0.86, fill=False, linestyle=style, linewidth=width))
    text = f"{cell.passed}/{share.n}"
    ax.text(column - 0.06, row - 0.08, text, ha="center", va="center", fontsize=12, color=_INK)
    ends = f"{share.low:.2f} - {share.high:.2f}"
    ax.text(column, row + 0.27, ends, ha="center", va="center", fontsize=7.5, color=_FAINT)
    colour = _COLOURS[3] if cell.published else _COLOURS[0]
    place = (column + 0.35, row - 0.2)
    ax.text(*place, cell.tick, ha="center", va="center", fontsize=12, color=colour)


def outcome_figure(
    panels: Mapping[tuple[str, str], NDArray[np.int64]],
    ticks: Mapping[str, Sequence[str]],
    title: str,
    *,
    cliff: Mapping[str, float] | None = None,
) -> Figure:
    """Stacked bars of the four outcomes: a row of panels for each setting, a column for each world.

    Args:
        panels: Counts `[P, 4]` by row and world.
        ticks: What is set at each point, by row.
        title: One line above.
        cliff: By row, where between the points to draw a line: 1.5 is halfway from the second to
            the third.
    """
    rows, worlds = (list(dict.fromkeys(names)) for names in zip(*panels, strict=True))
    size = (1.0 + 2.3 * len(worlds), 1.1 + 1.75 * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(rows), len(worlds), squeeze=False, sharey=True)
    for (row, world), counts in panels.items():
        ax = axes[rows.index(row), worlds.index(world)]
        _stack(ax, counts, ticks[row])
        if cliff and row in cliff:
            ax.axvline(cliff[row], color=_INK, linewidth=1, linestyle=":")
    for ax, world in zip(axes[0], worlds, strict=True):
        ax.set_title(world.capitalize(), fontsize=10)
    for ax, row in zip(axes[:, 0], rows, strict=True):
        ax.set_ylabel(row, fontsize=9)
    figure.suptitle(title, fontsize=11, fontweight="bold")
    handles = [Patch(color=colour) for colour in _COLOURS]
    figure.legend(handles, OUTCOMES, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def _stack(ax: Axes, counts: NDArray[np.int64], ticks: Sequence[str]) -> None:
    shares = counts / counts.sum(axis=-1, keepdims=True)
    below = np.zeros(len(shares))
    for colour, height in zip(_COLOURS, shares.T, strict=True):
        ax.bar(range(len(shares)), height, bottom=below, color=colour, width=0.9)
        below = below + height
    ax.set_xticks(range(len(ticks)), ticks, fontsize=7, rotation=90)
    ax.set_yticks([0, 0.5, 1], ["0", "½", "1"], fontsize=8)
    ax.set_ylim(0, 1)
    ax.set_xlim(-0.6, len(shares) - 0.4)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def learning_figure(curves: Mapping[tuple[str, str], NDArray[np.float64]], every: int) -> Figure:
    """Performance while learning, mean over trials with a 95 % band: a panel for each world.

    Args:
        curves: `[N, E]` by agent and world.
        every: Episodes between two evaluations.
    """
    agents, worlds = (list(dict.fromkeys(names)) for names in zip(*curves, strict=True))
    figure = Figure(figsize=(1.0 + 2.3 * len(worlds), 2.9), layout="constrained")
    axes = figure.subplots(1, len(worlds), squeeze=False, sharey=True)[0]
    colours = dict(zip(agents, (_COLOURS[3], _COLOURS[0], "#1f77b4"), strict=False))
    for (agent, world), trials in curves.items():
        mean, low, high = band(list(trials))
        ax, episodes = axes[worlds.index(world)], every * np.arange(len(mean)) / 1000
        ax.plot(episodes, mean, color=colours[agent], linewidth=1.3, label=agent)
        ax.fill_between(episodes, low, high, color=colours[agent], alpha=0.2, linewidth=0)
    for ax, world in zip(axes, worlds, strict=True):
        ax.set_title(world.capitalize(), fontsize=10)
        ax.set_ylim(-2.1, 1.1)
        ax.set_yticks([-2, -1, 0, 1])
        ax.tick_params(labelsize=8)
        ax.grid(alpha=0.25, linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("hidden performance", fontsize=9)
    figure.supxlabel("thousands of episodes", fontsize=9)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper center", ncols=len(agents), frameon=False, fontsize=9
    )
    return figure
