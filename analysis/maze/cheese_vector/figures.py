"""Pictures of steering: maps of layers and coefficients, boxes over mazes, curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from chisel.analysis.maze import CHOICES
from chisel.analysis.maze.cheese_vector.choices import Condition, Row, SeedRow
from chisel.analysis.maze.cheese_vector.vector import KINDS
from chisel.analysis.results import Estimate

_COLOURS = {"vector": "#c2410c", "random": "#64748b", "shuffled": "#0e7490"}
_OF_CHOICES = {"cheese": "#f59e0b", "corner": "#2563eb", "neither": "#9ca3af"}


def sweep_figure(rows: Sequence[Condition], before: Condition, title: str) -> Figure:
    """How P(cheese) and P(neither) change on average, by layer and coefficient.

    Args:
        rows: What `sweep` gave, or these of several seeds joined.
        before: The choices without intervention.
        title: One line above.
    """
    modules = list(dict.fromkeys(str(row.module) for row in rows))
    coeffs = sorted({float(row.coeff or 0) for row in rows})
    panels = [(kind, choice) for choice in ("cheese", "neither") for kind in KINDS]
    height = 1.6 + 0.17 * len(modules)
    figure = Figure(figsize=(3.4 + 1.45 * len(panels), height), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, (kind, choice) in zip(axes, panels, strict=True):
        found = {(r.module, r.coeff): r for r in rows if r.name == kind}
        change = [
            [found[m, c].mean(choice).value - before.mean(choice).value for c in coeffs]
            for m in modules
        ]
        ax.imshow(change, aspect="auto", cmap="RdBu", vmin=-1, vmax=1)
        ax.set_title(f"{kind}\nΔ P({choice})", fontsize=8)
        ax.set_xticks(range(len(coeffs)), [f"{c:g}" for c in coeffs], fontsize=7)
        ax.set_yticks(range(len(modules)), modules, fontsize=6)
        ax.tick_params(length=0)
        ax.set_xlabel("coefficient", fontsize=8)
    figure.colorbar(axes[0].images[0], ax=axes, fraction=0.02)
    figure.suptitle(title, fontsize=10, fontweight="bold")
    return figure


def choices_figure(rows: Sequence[Row], title: str) -> Figure:
    """Boxes of P(cheese), P(corner) and P(neither) over mazes, means as diamonds, by condition.

    Args:
        rows: What `compared` gave.
        title: One line above.
    """
    figure = Figure(figsize=(1.1 * len(rows) + 1.2, 4), layout="constrained")
    ax = figure.subplots()
    for number, choice in enumerate(CHOICES):
        boxes = ax.boxplot(
            [row.choices[:, number] for row in rows],
            positions=np.arange(len(rows)) + 0.27 * (number - 1),
            widths=0.22,
            patch_artist=True,
            flierprops={"marker": ".", "ms": 3, "mec": "#6b7280"},
            medianprops={"color": "#111827"},
            showmeans=True,
            meanprops={"marker": "D", "ms": 4, "mfc": "white", "mec": "#111827"},
        )
        for box in boxes["boxes"]:
            box.set_facecolor(_OF_CHOICES[choice])
        boxes["boxes"][0].set_label(f"P({choice})")
    names = [f"{row.name}\n(n = {len(row.mazes)})" for row in rows]
    ax.set_xticks(range(len(rows)), names, fontsize=8)
    ax.set_ylim(-0.02, 1.02)
    ax.set_ylabel("probability at the decision square")
    figure.legend(loc="outside upper right", ncols=3, fontsize=8)
    figure.suptitle(title, fontsize=10, fontweight="bold", x=0.01, ha="left")
    return figure


def seeds_figure(rows: Sequence[SeedRow], title: str) -> Figure:
    """Medians and means over mazes by condition: over seeds with intervals, small dots each seed.

    Args:
        rows: What `join_rows` made of `compared`.
        title: One line above.
    """
    figure = Figure(figsize=(1.1 * len(rows) + 1.2, 6.2), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    for ax, words in zip(axes, ("median", "mean"), strict=True):
        for number, choice in enumerate(CHOICES):
            colour = _OF_CHOICES[choice]
            for place, row in enumerate(rows):
                at = place + 0.27 * (number - 1)
                value = row.median(choice) if words == "median" else row.mean(choice)
                probabilities = [one.of(choice) for one in row.seeds]
                seeds = [np.median(p) if words == "median" else p.mean() for p in probabilities]
                ax.bar(at, value.value, width=0.22, color=colour, alpha=0.75)
                ax.plot([at] * 2, [value.low, value.high], color="#111827", lw=1.2)
                ax.plot([at + 0.05] * len(seeds), seeds, "o", ms=3, mfc="white", mec="#111827")
            ax.bar(0, 0, color=colour, alpha=0.75, label=f"P({choice})" if ax is axes[0] else None)
        ax.set_ylim(0, 1.02)
        ax.set_ylabel(f"{words} over mazes")
        ax.spines[["top", "right"]].set_visible(False)
    axes[1].set_xticks(range(len(rows)), [row.name.replace(" ", "\n") for row in rows], fontsize=8)
    figure.legend(loc="outside upper right", ncols=3, fontsize=8)
    figure.suptitle(title, fontsize=10, fontweight="bold", x=0.01, ha="left")
    return figure


def curves_figure(
    panels: Mapping[str, Mapping[str, Sequence[Estimate]]],
    coeffs: Sequence[float],
    title: str,
    ylabel: str = "",
    *,
    whole: bool = True,
) -> Figure:
    """Means with 95 % bands over coefficients.

    Args:
        panels: By panel's title and kind (`vector`, `random`, `shuffled`), an estimate for each
            coefficient.
        coeffs: Ascending.
        title: One line above.
        ylabel: What is drawn.
        whole: Show all of 0…1, so that figures compare; otherwise only as far as the bands go.
    """
    figure = Figure(figsize=(3.3 * len(panels) + 0.6, 3.3), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, (name, curves) in zip(axes, panels.items(), strict=True):
        for kind, estimates in curves.items():
            colour = _COLOURS[kind]
            ax.plot(coeffs, [e.value for e in estimates], ".-", color=colour, label=kind)
            low, high = [e.low for e in estimates], [e.high for e in estimates]
            ax.fill_between(coeffs, low, high, color=colour, alpha=0.18, linewidth=0)
        ax.set_title(name, fontsize=9)
        ax.set_xlabel("coefficient", fontsize=8)
        ax.grid(alpha=0.25)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
    highest = max(e.high for curves in panels.values() for es in curves.values() for e in es)
    top = 1.0 if whole or not highest > 0 else 1.15 * highest
    axes[0].set_ylim(-0.02 * top, 1.02 * top)
    axes[0].set_ylabel(ylabel, fontsize=8)
    axes[0].legend(fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=10, fontweight="bold")
    return figure
