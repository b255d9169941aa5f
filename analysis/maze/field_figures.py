"""Draw vector fields: arrows over the maze as procgen draws it, and maps of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import AbstractPathEffect, withStroke
from numpy.typing import NDArray

from chisel.analysis.maze.effects import mean_total_variation, total_variation
from chisel.analysis.maze.fields import VectorField
from chisel.analysis.results import CHEESE, INK, MOUSE, new_row
from chisel.envs.maze import MazeState, render

_PAPER, _STONE = "#ffffff", "#3b3b45"
_NO_VALUE = "#c9c9d1"
_BORDER = 0.7
"""Number of cells of wall that are shown around the maze."""
_SHORT = 0.04
"""Net probability below which a dot is drawn, because an arrow would have no shaft."""


def field_figure(field: VectorField, title: str) -> Figure:
    """Draw policy and critic of one maze side by side.

    Args:
        field: The vector field.
        title: Title above both panels.

    Returns:
        A figure for `save_figure`, made without global state.
    """
    figure, (left, right) = new_row(2, 10, 5.1, title)
    draw_arrows(left, field)
    left.set_title("policy: net probability of the moves", fontsize=10)
    image = draw_values(right, field.state, field.cells, field.values)
    figure.colorbar(image, cax=right.inset_axes((1.03, 0, 0.045, 1)))
    right.set_title("critic: value of each square (▲ cheese, ● start)", fontsize=10)
    return figure


def comparison_figure(before: VectorField, after: VectorField, title: str) -> Figure:
    """Draw the arrows before and after an intervention, and a map of the total variation.

    Raises:
        ValueError: If the fields are not of the same squares.
    """
    figure, (left, middle, right) = new_row(3, 14.5, 5.1, title)
    draw_arrows(left, before)
    left.set_title("before", fontsize=10)
    draw_arrows(middle, after)
    middle.set_title("after", fontsize=10)
    image = draw_values(right, after.state, after.cells, total_variation(before, after))
    image.set_clim(0, 1)
    figure.colorbar(image, cax=right.inset_axes((1.03, 0, 0.045, 1)))
    mean = mean_total_variation(before, after)
    right.set_title(f"total variation, mean {mean:.3f} (▲ cheese, ● start)", fontsize=10)
    return figure


def contact_sheet(rows: Sequence[tuple[str, Sequence[VectorField]]], title: str) -> Figure:
    """Draw many fields on one page.

    Args:
        rows: A label and fields for each row.
        title: Title of the page.
    """
    columns = max(len(fields) for _, fields in rows)
    size = (2.3 * columns + 0.5, 2.45 * len(rows) + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for (label, fields), line in zip(rows, axes, strict=True):
        for field, ax in zip(fields, line, strict=False):
            draw_arrows(ax, field)
            ax.set_title(f"level {field.state.level_seed}", fontsize=8, pad=3)
        for unused in line[len(fields) :]:
            unused.set_axis_off()
        line[0].set_ylabel(label, fontsize=10, labelpad=6)
    fitting = 110 * size[0] / max(len(title), 1)  # points at which the title is as wide as the page
    figure.suptitle(title, fontsize=min(11.5, fitting), fontweight="bold")
    return figure


def draw_arrows(ax: Axes, field: VectorField) -> None:
    """Draw the maze with an arrow on each free square; probability 1 is as long as one square.

    Arrows are net probabilities: right minus left, up minus down. A square with cheese has none,
    because the episode ends there.
    """
    state = field.state
    picture, extent = _picture(state)
    ax.imshow(picture, extent=extent, interpolation="lanczos")
    veil = Rectangle((extent[0], extent[2]), *np.ptp(np.reshape(extent, (2, 2)), axis=1))
    veil.set(facecolor=_PAPER, alpha=0.25, linewidth=0)
    ax.add_patch(veil)
    outside = [tuple(cell) not in state.cheese for cell in field.cells.tolist()]
    net, cells = field.net[outside], field.cells[outside]
    strong = np.linalg.norm(net, axis=1) >= _SHORT
    width = min(2.2, 26 / (state.maze_dim + 2))
    outline: list[AbstractPathEffect] = [withStroke(linewidth=width, foreground=_PAPER)]
    arrows = ax.quiver(
        cells[strong, 1],
        cells[strong, 0],
        net[strong, 0],
        net[strong, 1],
        pivot="mid",
        angles="xy",
        scale_units="xy",
        scale=1.1,
        units="xy",
        width=0.07,
        headwidth=3.8,
        headlength=3.4,
        headaxislength=3.0,
        minlength=0,
        color=INK,
        zorder=3,
    )
    arrows.set_path_effects(outline)
    weak = cells[~strong]
    dots = ax.scatter(weak[:, 1], weak[:, 0], s=5, c=INK, lw=0, zorder=3)
    dots.set_path_effects(outline)
    _frame(ax, state)


def draw_values(
    ax: Axes, state: MazeState, cells: NDArray[np.int64], values: NDArray[np.float64]
) -> Any:
    """Draw the values `[n]` of squares `[n, 2]`, and return the image for a colour bar.

    A square with cheese has no colour, since the episode ends there and the critic never learnt a
    value.
    """
    squares = np.full(state.open.shape, np.nan)
    squares[cells[:, 0], cells[:, 1]] = values
    for cell in state.cheese:
        squares[cell] = np.nan
    image = ax.imshow(squares, origin="lower", cmap="viridis", interpolation="nearest")
    size = max(7, 150 / (state.maze_dim + 2))  # in points: about half a square of a panel
    for row, col in state.cheese:
        ax.add_patch(Rectangle((col - 0.5, row - 0.5), 1, 1, facecolor=_NO_VALUE, linewidth=0))
        ax.plot(col, row, "^", ms=size, mfc=CHEESE, mec=_PAPER, mew=1.2, zorder=3)
    row, col = state.mouse
    ax.plot(col, row, "o", ms=0.8 * size, mfc=MOUSE, mec=INK, mew=1, zorder=3)
    _frame(ax, state)
    return image


def _frame(ax: Axes, state: MazeState) -> None:
    shown = (-0.5 - _BORDER, state.maze_dim - 0.5 + _BORDER)
    ax.set(xlim=shown, ylim=shown, aspect="equal", facecolor=_STONE, xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def _picture(state: MazeState) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    """Return the drawn world, and its left, right, bottom and top in cells of the inner maze."""
    if state.look.mode == "memory":  # procgen draws only what is near the mouse there
        return _plain(state), (-0.5, state.maze_dim - 0.5, -0.5, state.maze_dim - 0.5)
    low = -state.margin - 0.5
    high = low + state.world_dim
    return render(state), (low, high, low, high)


def _plain(state: MazeState) -> NDArray[np.uint8]:
    """Draw floor, walls, cheese and mouse as coloured squares."""
    colour = {"floor": (226, 214, 180), "wall": (96, 84, 72)}
    image = np.where(state.open[..., None], colour["floor"], colour["wall"]).astype(np.uint8)
    for cell in state.cheese:
        image[cell] = (255, 201, 40)
    image[state.mouse] = (159, 211, 255)
    return image[::-1].repeat(8, axis=0).repeat(8, axis=1)
