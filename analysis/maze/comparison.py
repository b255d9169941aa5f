"""A field before an intervention, after it, and what has changed."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.figure import Figure

from chisel.analysis.maze.effects import mean_total_variation, total_variation
from chisel.analysis.maze.field_figures import draw_arrows, draw_values
from chisel.analysis.maze.fields import VectorField


def comparison_figure(before: VectorField, after: VectorField, title: str) -> Figure:
    """Arrows before and after, and a map of the total variation at each square.

    Raises:
        ValueError: If the fields are not of the same squares.
    """
    changed = replace(after, values=total_variation(before, after))
    figure = Figure(figsize=(14.5, 5.1), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    draw_arrows(left, before)
    left.set_title("before", fontsize=10)
    draw_arrows(middle, after)
    middle.set_title("after", fontsize=10)
    image = draw_values(right, changed)
    image.set_clim(0, 1)
    figure.colorbar(image, cax=right.inset_axes((1.03, 0, 0.045, 1)))
    mean = mean_total_variation(before, after)
    right.set_title(f"total variation, mean {mean:.3f} (▲ cheese, ● start)", fontsize=10)
    figure.suptitle(title, fontsize=11.5, fontweight="bold")
    return figure
