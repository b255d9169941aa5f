"""Style figures, and write their files, without global plotting state."""

from __future__ import annotations

import io
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.image import AxesImage
from matplotlib.layout_engine import LayoutEngine
from matplotlib.ticker import EngFormatter
from numpy.typing import ArrayLike, NDArray

from chisel.analysis.results.estimates import Estimate, band
from chisel.analysis.results.looks import SMALLEST, Look
from chisel.models import write_file

PALETTE = (
    "#0052ae",  # blue
    "#cf4d3d",  # red
    "#40b178",  # green
    "#f5bc40",  # yellow
    "#61377e",  # violet
    "#47b1c3",  # teal
    "#6f410a",  # brown
    "#717171",  # dark grey
)
"""Colours of lines and dots, in the order of their use. People without red or green receptors can
tell them apart, and in greyscale each differs from the next."""

_DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)))

LINES: tuple[dict[str, Any], ...] = tuple(
    {"color": PALETTE[n % len(PALETTE)], "linestyle": _DASHES[n % len(_DASHES)]}
    for n in range(len(PALETTE) * len(_DASHES))
)
"""Options of lines, each with another pair of colour and dashes."""

INK, GREY, PALE = "#14141f", "#9a9aa5", "#c9c9cf"
"""Colours of text and of the whole network; of controls; of missing values."""

CHEESE, CORNER, MOUSE = "#ff7f0e", "#1f77b4", "#ffffff"
"""Colours of things in a maze, in all pictures of mazes."""

DPI = 150

FOR_PAPERS = (".pdf", ".svg")
"""Endings of the files that are written beside each picture."""

_LETTER = 0.085
"""Mean width in inches of a letter of a figure's title."""


def plain_axes(ax: Axes, grid: Literal["both", "x", "y"] = "both") -> None:
    """Draw a faint grid along some axes, and no frame at the top and on the right."""
    ax.grid(axis=grid, alpha=0.25, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)


def plot_interval(
    ax: Axes,
    x: ArrayLike,
    value: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    step: bool = False,
    **line: Any,
) -> None:
    """Draw a line over `x` `[N]`, and a band between the ends of its interval if they are known.

    Args:
        ax: Axes to draw on.
        x: Positions along the x axis `[N]`.
        value: The line `[N]`.
        low: Lower end of the interval `[N]`.
        high: Upper end of the interval `[N]`.
        step: Whether each value stays up to the next position, as in a distribution function.
        line: Options of the line, such as those of `LINES`.
    """
    style = {"drawstyle": "steps-post"} if step else {}
    ax.plot(x, value, **{"linewidth": 1.6} | style | line)
    band_style = {"color": line["color"], "alpha": 0.18, "linewidth": 0}
    ax.fill_between(x, low, high, step="post" if step else None, **band_style)


def plot_estimates(
    ax: Axes, x: ArrayLike, estimates: Sequence[Estimate], colour: str, label: str
) -> None:
    """Draw estimates over `x` `[N]` as a line with dots, and their intervals as a band.

    The label is followed by the number of samples of each estimate.
    """
    ends = np.transpose([(one.value, one.low, one.high) for one in estimates])
    counts = sorted({one.n for one in estimates})
    n = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    plot_interval(ax, x, *ends, marker=".", color=colour, label=f"{label}, n = {n}")


def explain(figure: Figure, text: str) -> None:
    """Write below a figure, above its legend, what its bands, bars or dots mean."""
    if figure.legends:
        figure.legends[-1].set_title(text, prop=FontProperties(size=8))
    else:
        figure.supxlabel(text, fontsize=8, color=PALETTE[7])


def new_figure(width: float, height: float, title: str = "") -> Figure:
    """Return an empty figure of a size in inches, with its title above in bold."""
    figure = Figure(figsize=(width, height), layout="constrained")
    if title:
        lines = textwrap.wrap(title, int(width / _LETTER))
        figure.suptitle("\n".join(lines), fontsize=11, fontweight="bold")
    return figure


def shared_legend(figure: Figure, ax: Axes, **options: Any) -> None:
    """Draw one legend below all axes of a figure.

    Args:
        figure: The figure.
        ax: Axes whose lines are in the legend; the other axes have the same lines.
        options: Options of `Figure.legend` that replace the usual ones.
    """
    usual: dict[str, Any] = {"loc": "outside lower center", "fontsize": 8, "frameon": False}
    figure.legend(*ax.get_legend_handles_labels(), **usual | options)


def new_row(
    count: int, width: float, height: float, title: str = "", **options: Any
) -> tuple[Figure, list[Axes]]:
    """Return a `new_figure` with axes side by side; options are those of `Figure.subplots`."""
    figure = new_figure(width, height, title)
    return figure, list(figure.subplots(1, count, squeeze=False, **options)[0])


def style_axes(
    ax: Axes,
    title: str = "",
    *,
    xlabel: str = "",
    ylabel: str = "",
    grid: Literal["both", "x", "y"] = "both",
    steps: bool = False,
) -> None:
    """Give axes a faint grid, small labels, and no frame at the top and the right.

    Args:
        ax: Axes to style.
        title: Text above the axes.
        xlabel: Text below the axes.
        ylabel: Text on the left.
        grid: Axes whose ticks have grid lines.
        steps: Whether the x axis counts steps, which are labelled like 500k and 1.5M.
    """
    ax.set_title(title, fontsize=10)
    ax.set_xlabel(xlabel, fontsize=9.5)
    ax.set_ylabel(ylabel, fontsize=9.5)
    ax.tick_params(labelsize=9)
    plain_axes(ax, grid)
    if steps:
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))


def draw_heat(
    ax: Axes,
    values: NDArray[np.float64],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    colours: str,
    limits: tuple[float, float],
    text: NDArray[np.float64] | None = None,
    shown: Callable[[float], str] = "{:.2f}".format,
    size: float = 9,
) -> AxesImage:
    """Draw coloured cells with numbers in them; NaN has no number.

    Args:
        ax: Axes to draw on.
        values: Values of the cells `[R, C]`, which are shown as colours.
        rows: Names of the rows.
        columns: Names of the columns.
        colours: Name of the colour map.
        limits: Values with the first and the last colour.
        text: Numbers that are written into the cells `[R, C]`; `None` writes the values.
        shown: Function that returns the text of a number.
        size: Size of the numbers in points.
    """
    image = ax.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1], aspect="auto")
    for (row, column), number in np.ndenumerate(values if text is None else text):
        if np.isnan(number):
            continue
        red, green, blue, _ = image.cmap(image.norm(values[row, column]))
        light = 0.3 * red + 0.59 * green + 0.11 * blue > 0.55
        label = shown(float(number))
        ax.text(
            column, row, label, ha="center", va="center", fontsize=size, color=INK if light else "w"
        )
    ax.set_xticks(range(len(columns)), columns, fontsize=8.5)
    ax.set_yticks(range(len(rows)), rows, fontsize=8.5)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return image


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
        steps: Positions along the x axis `[T]`.
        curves: One curve `[T]` of each seed or trial.
        within: Smallest and largest possible value of the quantity.
        least: Smallest number of curves for which there is a band.
        line: Options of the line, such as `color` and `label`.
    """
    mean, low, high = band(curves, within=within)
    if len(curves) < least:
        low = high = np.full_like(mean, np.nan)
    plot_interval(ax, steps, mean, low, high, **line)


def save_figure(
    figure: Figure, path: Path, origin: str, *, paper: bool = True, look: Look | None = None
) -> Path:
    """Write a figure, and beside it the same as PDF and SVG for a paper, with text as text.

    The same figure gives the same bytes, since the files carry no date. If the figure is wider than
    requested, a note on standard error says so.

    Args:
        figure: Any figure made without pyplot.
        path: File to write: SVG if its name ends in `.svg`, else PNG.
        origin: Origin of the figure (checkpoint digest, seed, command), which the files contain.
        paper: Whether to write the other two files.
        look: Style and width; `None` is that of a paper, with the width of the figure.

    Raises:
        CheckpointError: If the disk refuses.
    """
    FigureCanvasAgg(figure)
    asked = look or Look()
    figure = asked.fitted(figure)
    if asked.width is not None and round(width := figure.get_figwidth() * 25.4) > asked.width:
        print(
            f"note: {path.name} is {width:.0f} mm wide; {asked.width:g} mm have no room for "
            f"it with text of {SMALLEST:g} pt",
            file=sys.stderr,
        )
    metadata: dict[str, dict[str, str | None]] = {
        "png": {"Software": "Chisel", "Description": origin},
        "svg": {"Creator": "Chisel", "Description": origin, "Date": None},
        "pdf": {"Creator": "Chisel", "Subject": origin, "CreationDate": None},
    }
    # Journals want fonts that can be embedded and edited (42 is TrueType), not outlines.
    settings: dict[Any, Any] = {
        "pdf.fonttype": 42,
        "svg.fonttype": "none",
        "svg.hashsalt": "chisel",
    }
    others = [path.with_suffix(ending) for ending in FOR_PAPERS] if paper else []
    engine = _laid_out(figure)
    for file in dict.fromkeys([path, *others]):
        form, picture = file.suffix[1:] if file.suffix[1:] in metadata else "png", io.BytesIO()
        with matplotlib.rc_context(settings):
            figure.savefig(picture, format=form, dpi=DPI, metadata=metadata[form])
        write_file(file, picture.getvalue())
    figure.set_layout_engine(engine)
    return path


def _laid_out(figure: Figure) -> LayoutEngine | None:
    """Lay a figure out once for all its files, and return its layout engine."""
    engine = figure.get_layout_engine()
    if engine is not None:
        figure.set_dpi(DPI)
        engine.execute(figure)
        figure.set_layout_engine(None)
    return engine


def write_gif(path: Path, frames: NDArray[np.uint8], fps: int) -> None:
    """Write frames `[T, H, W, 3]` as an animated GIF that repeats for ever.

    Raises:
        ValueError: If the frames have another shape or type.
        CheckpointError: If the disk refuses.
    """
    from PIL import Image

    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not len(frames):
        raise ValueError(f"frames must be uint8 [T, H, W, 3], not {frames.dtype} {frames.shape}")
    # With one palette for all frames and no dithering, only moving parts take space in the file.
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
