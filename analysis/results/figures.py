"""How figures look: one palette and one frame for all of them; saving without global state."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from chisel.analysis.results.disk import write_file
from chisel.analysis.results.estimates import Estimate

DPI = 150

PALETTE = ("#1f77b4", "#d1495b", "#2e8b57", "#edae49", "#6a4c93", "#00798c", "#8d5524", "#555555")
"""Colours of lines, in the order in which they are used."""

CHEESE, CORNER, MOUSE = "#ff7f0e", "#1f77b4", "#ffffff"
"""Colours of a maze's cheese, its top-right corner, and the mouse, in every figure."""

INK, GREY = "#14141f", "#9a9aa5"
"""Colours of text and thin lines, and of baselines and controls."""


def titled_figure(width: float, height: float, title: str) -> Figure:
    """Return an empty figure of this size, in inches, with a bold title above."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def plain_axes(ax: Axes, grid: Literal["both", "x", "y"] = "both") -> None:
    """Draw a faint grid along some axes, and no frame at the top and on the right."""
    ax.grid(axis=grid, alpha=0.25, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)


def draw_band(
    ax: Axes, x: ArrayLike, estimates: Sequence[Estimate], colour: str, label: str
) -> None:
    """Draw estimates over `x` `[N]` as a line, and their intervals as a band around it."""
    ax.plot(x, [one.value for one in estimates], ".-", color=colour, label=label)
    low, high = [one.low for one in estimates], [one.high for one in estimates]
    ax.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)


def save_figure(figure: Figure, path: Path, origin: str) -> Path:
    """Write a PNG.

    Args:
        figure: Any figure made without pyplot.
        path: The target.
        origin: Where it comes from (checkpoint digest, seed); kept inside the file.

    Raises:
        CheckpointError: If the disk refuses.
    """
    FigureCanvasAgg(figure)
    metadata = {"Software": "Chisel", "Description": origin}
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=DPI, metadata=metadata, facecolor="white")
    return write_file(path, picture.getvalue())
