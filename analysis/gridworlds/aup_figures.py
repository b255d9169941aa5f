"""Draw the studies of AUP in gridworlds."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from chisel.analysis.gridworlds.delayed_residuals import Residual
from chisel.analysis.gridworlds.side_effects import OUTCOMES
from chisel.analysis.results import (
    INK,
    PALE,
    PALETTE,
    Estimate,
    explain,
    new_figure,
    new_row,
    plain_axes,
    plot_band,
    shared_legend,
)

_OUTCOME_COLOURS = (PALETTE[1], PALETTE[3], PALE, PALETTE[2])
"""Colours of the four outcomes, worst first."""
_SHARES = LinearSegmentedColormap.from_list("shares", ["#f2b8b0", "#fbf6e6", "#a9d8b4"])


@dataclass(frozen=True)
class Passes:
    """The share of one agent's trials in one world that passed, beside the paper's verdict.

    Attributes:
        agent: Name of the agent.
        world: Name of the world.
        share: Share of the trials with the best possible performance.
        published: The paper's verdict; `None` if it has none.
        artefact: Reason why the verdict depends on how values were learned rather than on the
            penalty; `None` if it does not.
    """

    agent: str
    world: str
    share: Estimate
    published: bool | None
    artefact: str | None

    @property
    def passed(self) -> int:
        """Number of trials with the best possible performance."""
        return round(self.share.value * self.share.n)

    @property
    def agrees(self) -> bool:
        """Whether the majority of trials agrees with the paper's verdict, or there is none."""
        return self.published is None or (2 * self.passed > self.share.n) == self.published


def comparison_grid(cells: Sequence[Passes], title: str) -> Figure:
    """Draw passes by agent and world, coloured by their share, with the paper's verdicts.

    Args:
        cells: Passes of each agent in each world.
        title: Title of the figure.
    """
    agents = list(dict.fromkeys(cell.agent for cell in cells))
    worlds = list(dict.fromkeys(cell.world for cell in cells))
    figure, (ax,) = new_row(1, 2.2 + 1.35 * len(worlds), 1.5 + 0.68 * len(agents), title)
    for cell in cells:
        _draw_cell(ax, worlds.index(cell.world), agents.index(cell.agent), cell)
    ax.set(xlim=(-0.5, len(worlds) - 0.5), ylim=(len(agents) - 0.5, -0.5))
    ax.set_xticks(range(len(worlds)), [world.capitalize() for world in worlds], fontsize=10)
    ax.set_yticks(range(len(agents)), agents, fontsize=10)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    notes = ["Passes of trials, 95 % interval, and the paper's verdict (✓ ✗)"]
    if any(cell.artefact for cell in cells):
        notes.append("Dashed: an artefact of how values were learned")
    if not all(cell.agrees for cell in cells):
        notes.append("Thick: the majority says otherwise")
    figure.supxlabel("\n".join(notes), fontsize=8, color=PALETTE[7])
    return figure


def _draw_cell(ax: Axes, column: int, row: int, cell: Passes) -> None:
    share = cell.share
    corner = (column - 0.48, row - 0.46)
    ax.add_patch(Rectangle(corner, 0.96, 0.92, facecolor=_SHARES(share.value), edgecolor="none"))
    if cell.artefact or not cell.agrees:
        style, width = ("--", 1.4) if cell.agrees else ("-", 2.4)
        inner = (column - 0.46, row - 0.43)
        ax.add_patch(Rectangle(inner, 0.92, 0.86, fill=False, linestyle=style, linewidth=width))
    texts = [
        (-0.06, -0.08, f"{cell.passed}/{share.n}", 12, INK),
        (0, 0.27, f"{share.low:.2f} - {share.high:.2f}", 7.5, PALETTE[7]),
    ]
    if cell.published is not None:
        mark, colour = ("✓", PALETTE[2]) if cell.published else ("✗", PALETTE[1])
        texts.append((0.35, -0.2, mark, 12, colour))
    for right, down, text, size, colour in texts:
        place = (column + right, row + down)
        ax.text(*place, text, ha="center", va="center", fontsize=size, color=colour)


def outcome_figure(
    panels: Mapping[tuple[str, str], NDArray[np.int64]],
    values: Mapping[str, Sequence[float]],
    title: str,
    *,
    cliff: float | None = None,
) -> Figure:
    """Draw bars of the four outcomes: a row of panels for each setting, a column for each world.

    Args:
        panels: Counts `[P, 4]` by row and world.
        values: Value of the option at each point, by row.
        title: Title of the figure.
        cliff: Position of a line between points: 1.5 is halfway from the second to the third.
    """
    figure, axes = _panels(panels, 2.3, 1.75, title)
    for (row, world), counts in panels.items():
        ax = axes[row, world]
        _stack(ax, counts, [f"{value:.4g}" for value in values[row]])
        if cliff is not None:
            ax.axvline(cliff, color=INK, linewidth=1, linestyle=":")
    handles = [Patch(color=colour) for colour in _OUTCOME_COLOURS]
    figure.legend(
        handles,
        OUTCOMES,
        loc="outside lower center",
        ncols=min(4, int(figure.get_figwidth() / 2)),  # each takes two inches
        frameon=False,
        fontsize=9,
    )
    return figure


def _panels(
    keys: Iterable[tuple[str, str]],
    width: float,
    height: float,
    title: str = "",
    *,
    sharey: bool = True,
) -> tuple[Figure, dict[tuple[str, str], Axes]]:
    """Return a figure with axes for each row and column, `width` by `height` inches each."""
    rows, columns = (list(dict.fromkeys(names)) for names in zip(*keys, strict=True))
    figure = new_figure(1.0 + width * len(columns), 1.1 + height * len(rows), title)
    axes = figure.subplots(len(rows), len(columns), squeeze=False, sharey=sharey)
    for ax, column in zip(axes[0], columns, strict=True):
        ax.set_title(column[0].upper() + column[1:], fontsize=10)
    for ax, row in zip(axes[:, 0], rows, strict=True):
        ax.set_ylabel(row, fontsize=9)
    return figure, dict(zip(itertools.product(rows, columns), axes.flat, strict=True))


def _stack(ax: Axes, counts: NDArray[np.int64], ticks: Sequence[str]) -> None:
    shares = counts / counts.sum(axis=-1, keepdims=True)
    below = np.zeros(len(shares))
    for colour, height in zip(_OUTCOME_COLOURS, shares.T, strict=True):
        ax.bar(range(len(shares)), height, bottom=below, color=colour, width=0.9)
        below = below + height
    ax.set_xticks(range(len(ticks)), ticks, fontsize=7, rotation=90)
    ax.set_yticks([0, 0.5, 1], ["0", "½", "1"], fontsize=8)
    ax.set(xlim=(-0.6, len(shares) - 0.4), ylim=(0, 1))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def learning_figure(curves: Mapping[tuple[str, str], NDArray[np.float64]], every: int) -> Figure:
    """Draw performance while learning, mean and 95 % band over trials: a panel for each world.

    Args:
        curves: Performance `[N, E]` of each trial and evaluation, by agent and world.
        every: Number of episodes between two evaluations.
    """
    agents = list(dict.fromkeys(agent for agent, _ in curves))
    figure, axes = _panels([("hidden performance", world) for _, world in curves], 2.3, 1.8)
    for (agent, world), trials in curves.items():
        ax = axes["hidden performance", world]
        episodes = every * np.arange(trials.shape[1]) / 1000
        plot_band(ax, episodes, list(trials), color=PALETTE[agents.index(agent)], label=agent)
    for ax in axes.values():
        plain_axes(ax)
        ax.set(ylim=(-2.1, 1.1), yticks=[-2, -1, 0, 1])
    figure.supxlabel("thousands of episodes", fontsize=9)
    first = next(iter(axes.values()))
    shared_legend(figure, first, loc="outside upper center", ncols=len(agents), fontsize=9)
    counts = sorted({len(one) for one in curves.values()})
    n = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    explain(figure, f"means of n = {n} trials; bands: 95 % intervals over trials (Student's t)")
    return figure


def residuals_figure(residuals: Sequence[Residual], title: str) -> Figure:
    """Draw a row of panels for each world, one for each true reward: a dot for each AUP seed."""
    keys = [(one.world, one.truth) for one in residuals]
    figure, axes = _panels(keys, 2.5, 2.3, f"{title}: AUP less standard", sharey=False)
    for key, ax in axes.items():
        shown = [one for one in residuals if (one.world, one.truth) == key]
        if shown:
            _draw_residuals(ax, shown)
        else:
            ax.set_axis_off()
    explain(figure, "dots: AUP seeds, each a mean over rewards; lines: means over seeds")
    return figure


def _draw_residuals(ax: Axes, residuals: Sequence[Residual]) -> None:
    ax.axhline(0, color=INK, lw=0.7, alpha=0.5)
    for place, (one, colour) in enumerate(zip(residuals, PALETTE, strict=False)):
        across = place + np.linspace(-0.22, 0.22, len(one.by_seed))
        ax.plot(across, one.by_seed, "o", color=colour, ms=3, alpha=0.7)
        ax.plot([place - 0.34, place + 0.34], [one.mean.value] * 2, color=INK, lw=1.4)
    ax.set_xticks(range(len(residuals)), [one.revelation for one in residuals])
    ax.set_xlim(-0.6, len(residuals) - 0.4)
    ax.tick_params(labelsize=8)
    plain_axes(ax, "y")
