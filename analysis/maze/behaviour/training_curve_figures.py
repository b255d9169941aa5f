"""Pictures of a course of training: curves, and a film of one maze."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from chisel.analysis.maze import VectorField, draw_arrows
from chisel.analysis.maze.behaviour.over_training import MEASURES, TrainingCurve

_COLOURS = ("#edae49", "#1f77b4", "#9a9aa5", "#d1495b", "#2e8b57")


def training_curve_figure(course: TrainingCurve, measures: Sequence[str], title: str) -> Figure:
    """A panel for each measure, its curves with their intervals.

    Args:
        course: What to draw.
        measures: Which of its measures.
        title: One line above.
    """
    figure = Figure(figsize=(5.2 * len(measures), 3.8), layout="constrained")
    axes = figure.subplots(1, len(measures), squeeze=False)[0]
    for ax, measure in zip(axes, measures, strict=True):
        for name, colour in zip(course.names(measure), itertools.cycle(_COLOURS), strict=False):
            curve = course.curve(measure, name)
            ax.plot(course.steps, [p.value for p in curve], color=colour, label=name, lw=1.6)
            low, high = np.array([(p.low, p.high) for p in curve]).T
            ax.fill_between(course.steps, low, high, color=colour, alpha=0.15, linewidth=0)
        ax.set_title(MEASURES[measure][0], fontsize=10)
        ax.set_xlabel("environment steps", fontsize=9)
        ax.ticklabel_format(axis="x", style="sci", scilimits=(6, 6), useMathText=True)
        ax.grid(alpha=0.25, linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def field_frames(fields: Sequence[VectorField], steps: Sequence[int]) -> list[Figure]:
    """One picture of the same maze for each checkpoint.

    Args:
        fields: The policy's field at each checkpoint.
        steps: Environment steps of each.
    """
    figures = []
    for field, step in zip(fields, steps, strict=True):
        figure = Figure(figsize=(4, 4.3), dpi=100)
        ax = figure.add_axes((0.02, 0.02, 0.96, 0.89))
        draw_arrows(ax, field)
        ax.set_title(f"{step:,} steps", fontsize=11)
        figures.append(figure)
    return figures
