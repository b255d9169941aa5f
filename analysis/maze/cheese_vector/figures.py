"""Draw the effects of the cheese vector: maps over layers and coefficients, and dots of mazes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from chisel.analysis.maze import CHOICES
from chisel.analysis.maze.cheese_vector.conditions import Condition, Row, SeedRow
from chisel.analysis.maze.cheese_vector.vector import KINDS
from chisel.analysis.results import (
    CHEESE,
    CORNER,
    GREY,
    INK,
    explain,
    new_figure,
    new_row,
    style_axes,
)

_WIDTH = 0.2
"""Width over which the dots of a choice are spread, in ascending order."""
_CHOICE_COLOURS = {"cheese": CHEESE, "corner": CORNER, "neither": GREY}


def sweep_figure(rows: Sequence[Condition], before: Condition, title: str) -> Figure:
    """Draw the mean changes of P(cheese) and P(neither) by layer and coefficient.

    Args:
        rows: Rows of `sweep`, or those of several seeds joined by `join_rows`.
        before: The choices without any intervention.
        title: Title of the figure.
    """
    modules = list(dict.fromkeys(str(row.module) for row in rows))
    coeffs = sorted({float(row.coeff or 0) for row in rows})
    panels = [(kind, choice) for choice in ("cheese", "neither") for kind in KINDS]
    size = (3.4 + 1.45 * len(panels), 1.6 + 0.17 * len(modules))
    figure, axes = new_row(len(panels), *size, title, sharey=True)
    for ax, (kind, choice) in zip(axes, panels, strict=True):
        found = {(r.module, r.coeff): r for r in rows if r.name == kind}
        change = [
            [_mean(found[m, c], choice) - _mean(before, choice) for c in coeffs] for m in modules
        ]
        ax.imshow(change, aspect="auto", cmap="RdBu", vmin=-1, vmax=1)
        ax.set_title(f"{kind}\nΔ P({choice})", fontsize=8)
        ax.set_xticks(range(len(coeffs)), [f"{c:g}" for c in coeffs], fontsize=7)
        ax.set_yticks(range(len(modules)), modules, fontsize=7)
        ax.tick_params(length=0)
        ax.set_xlabel("coefficient", fontsize=8)
    figure.colorbar(axes[0].images[0], ax=axes, fraction=0.02)
    return figure


def choices_figure(rows: Sequence[Row], title: str) -> Figure:
    """Draw a dot for each maze and choice by condition, and diamonds for the means.

    Most mazes are near 0 or 1, so boxes would cover values that no maze has.

    Args:
        rows: Rows of `compared`.
        title: Title of the figure.
    """
    figure, (ax,) = new_row(1, 1.1 * len(rows) + 1.2, 4, title)
    for number, choice in enumerate(CHOICES):
        colour = _CHOICE_COLOURS[choice]
        ax.plot([], [], "o", color=colour, label=f"P({choice}), a dot for each maze")
        for place, row in enumerate(rows):
            at, found = place + 0.27 * (number - 1), row.choices[:, number]
            across = at + _WIDTH * (np.linspace(0, 1, len(found)) - 0.5)
            ax.plot(across, np.sort(found), "o", color=colour, ms=3, alpha=0.6, mew=0)
            ax.plot(at, found.mean(), "D", ms=5, mfc="white", mec=INK)
    ax.plot([], [], "D", ms=5, mfc="white", mec=INK, label="mean")
    names = [f"{row.name}\n(n = {len(row.mazes)})" for row in rows]
    ax.set_xticks(range(len(rows)), names, fontsize=8)
    ax.set(ylim=(-0.03, 1.03), ylabel="probability at the decision square")
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def seeds_figure(rows: Sequence[SeedRow], title: str) -> Figure:
    """Draw medians and means over mazes by condition: means over seeds, and a dot for each seed.

    Args:
        rows: Rows of `compared` of several seeds, joined by `join_rows`.
        title: Title of the figure.
    """
    figure = new_figure(1.1 * len(rows) + 1.2, 6.2, title)
    axes = figure.subplots(2, 1, sharex=True)
    for ax, statistic in zip(axes, ("median", "mean"), strict=True):
        for number, choice in enumerate(CHOICES):
            colour = _CHOICE_COLOURS[choice]
            for place, row in enumerate(rows):
                at = place + 0.27 * (number - 1)
                value = row.over_mazes[statistic][choice]
                seeds = [one.over_mazes[statistic][choice].value for one in row.seeds]
                ax.bar(at, value.value, width=0.22, color=colour, alpha=0.75)
                ax.plot([at] * 2, [value.low, value.high], color=INK, lw=1.2)
                ax.plot([at + 0.05] * len(seeds), seeds, "o", ms=3, mfc="white", mec=INK)
            ax.bar(0, 0, color=colour, alpha=0.75, label=f"P({choice})" if ax is axes[0] else None)
        style_axes(ax, ylabel=f"{statistic} over mazes", grid="y")
        ax.set_ylim(0, 1.02)
    axes[1].set_xticks(range(len(rows)), [row.name.replace(" ", "\n") for row in rows], fontsize=8)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    n = len(rows[0].seeds)
    explain(figure, f"bars: mean of n = {n} training seeds; lines: 95 % intervals; dots: seeds")
    return figure


def _mean(row: Condition, choice: str) -> float:
    return row.over_mazes["mean"][choice].value
