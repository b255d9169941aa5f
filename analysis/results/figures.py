"""The style of figures, and their files: no global plotting state is used."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from chisel.analysis.results.estimates import Estimate, band
from chisel.analysis.results.files import write_file

PALETTE = (
    "#1f77b4",  # blue
    "#d1495b",  # red
    "#2e8b57",  # green
    "#edae49",  # yellow
    "#6a4c93",  # violet
    "#00798c",  # teal
    "#8d5524",  # brown
    "#555555",  # dark grey
)
"""Colours of lines and dots, in the order in which they are used."""

INK, GREY, PALE = "#14141f", "#9a9aa5", "#c9c9cf"
"""Colours of text and of the whole network; of controls; of what has no value."""

CHEESE, CORNER, MOUSE = "#ff7f0e", "#1f77b4", "#ffffff"
"""Colours of things in a maze, in all pictures of mazes."""

DPI = 150


def plain_axes(ax: Axes, grid: Literal["both", "x", "y"] = "both") -> None:
    """Draw a faint grid along some axes, and no frame at the top and on the right."""
    ax.grid(axis=grid, alpha=0.25, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)


def plot_estimates(
    ax: Axes, x: ArrayLike, estimates: Sequence[Estimate], colour: str, label: str
) -> None:
    """Draw estimates over `x` `[N]` as a line, and their intervals as a band around it."""
    ax.plot(x, [one.value for one in estimates], ".-", color=colour, label=label)
    low, high = [one.low for one in estimates], [one.high for one in estimates]
    ax.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)


def new_figure(width: float, height: float, title: str = "") -> Figure:
    """Return an empty figure of some size in inches, with a bold line above if there is a title."""
    figure = Figure(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def style_axes(
    ax: Axes,
    title: str = "",
    *,
    xlabel: str = "",
    ylabel: str = "",
    grid: Literal["both", "x", "y"] = "both",
    exponent: int | None = None,
) -> None:
    """Give axes a faint grid, small labels, and no frame at the top and the right.

    Args:
        ax: Axes to style.
        title: Text above.
        xlabel: Text below.
        ylabel: Text on the left.
        grid: Axes whose ticks have grid lines.
        exponent: Label the x axis in multiples of ten to this power. `None`: as it comes.
    """
    ax.set_title(title, fontsize=10)
    ax.set_xlabel(xlabel, fontsize=9)
    ax.set_ylabel(ylabel, fontsize=9)
    ax.tick_params(labelsize=8)
    plain_axes(ax, grid)
    if exponent is not None:
        ax.ticklabel_format(axis="x", style="sci", scilimits=(exponent, exponent), useMathText=True)


def plot_band(
    ax: Axes,
    steps: NDArray[Any],
    curves: Sequence[NDArray[np.float64]],
    *,
    within: tuple[float, float] | None = None,
    least: int = 2,
    **line: Any,
) -> None:
    """Draw the mean of curves and, if there are enough, a band of its 95 % interval.

    Args:
        ax: Axes to draw on.
        steps: Places along the x axis `[T]`.
        curves: One curve `[T]` of each seed or trial.
        within: The least and the largest value that the quantity can have.
        least: Number of curves from which on there is a band.
        line: Options of the line, such as `color` and `label`.
    """
    mean, low, high = band(curves, within=within)
    ax.plot(steps, mean, linewidth=1.6, **line)
    if len(curves) >= least:
        ax.fill_between(steps, low, high, color=line["color"], alpha=0.15, linewidth=0)


def save_figure(figure: Figure, path: Path, origin: str) -> Path:
    """Write a figure as PNG.

    Args:
        figure: Any figure made without pyplot.
        path: File to write.
        origin: Where it comes from (checkpoint digest, seed, command); kept inside the file.

    Raises:
        CheckpointError: If the disk refuses.
    """
    FigureCanvasAgg(figure)
    metadata = {"Software": "Chisel", "Description": origin}
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=DPI, metadata=metadata, facecolor="white")
    return write_file(path, picture.getvalue())


def write_gif(path: Path, frames: NDArray[np.uint8], fps: int) -> None:
    """Write frames `[T, H, W, 3]` as an animated GIF that repeats for ever.

    Raises:
        ValueError: If the frames have another shape or type.
        CheckpointError: If the disk refuses.
    """
    from PIL import Image

    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not len(frames):
        raise ValueError(f"frames must be uint8 [T, H, W, 3], not {frames.dtype} {frames.shape}")
    # With one palette for all frames and no dithering, only what moves takes room in the file.
    middle = Image.fromarray(frames[len(frames) // 2]).quantize()
    first, *others = [
        Image.fromarray(frame).quantize(palette=middle, dither=Image.Dither.NONE)
        for frame in frames
    ]
    film, pause = io.BytesIO(), round(1000 / fps)
    first.save(film, "gif", save_all=True, append_images=others, duration=pause, loop=0)
    write_file(path, film.getvalue())


def frames_of(figures: Sequence[Figure]) -> NDArray[np.uint8]:
    """Draw figures of one size as frames `[T, H, W, 3]`."""
    frames = []
    for figure in figures:
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        frames.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    return np.stack(frames)
