"""Draw attributions over a maze."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from chisel.analysis.results import CHEESE, INK
from chisel.envs.maze import MazeState

_WALL, _FLOOR = "#4b5563", "#ffffff"


def draw_attributions(
    ax: Axes, state: MazeState, places: NDArray[np.float64], side: int, limit: float
) -> AxesImage:
    """Draw the contribution of each place of a layer to a decision in a maze (▲ cheese, ○ mouse).

    Args:
        ax: Axes to draw on.
        state: The maze.
        places: Attributions summed over channels `[H, W]`, row 0 on top.
        side: Number of squares along a side of the network's view.
        limit: Attribution with the darkest colour.
    """
    ring = (side - state.maze_dim) / 2
    for row, col in np.argwhere(state.open):
        ax.add_patch(Rectangle((col - 0.5, row - 0.5), 1, 1, facecolor=_FLOOR, linewidth=0))
    low, high = -ring - 0.5, side - ring - 0.5
    image = ax.imshow(
        places,
        extent=(low, high, low, high),
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        alpha=0.75,
        interpolation="nearest",
        zorder=2,
    )
    for row, col in state.cheese:
        ax.plot(col, row, "^", ms=9, mfc=CHEESE, mec=_FLOOR, mew=1.2, zorder=3)
    ax.plot(state.mouse[1], state.mouse[0], "o", ms=7, mfc=_FLOOR, mec=INK, mew=1.2, zorder=3)
    shown = (-1.2, state.maze_dim + 0.2)
    ax.set(xlim=shown, ylim=shown, aspect="equal", facecolor=_WALL, xticks=[], yticks=[])
    ax.set_title(f"level {state.level_seed}: {places.sum():+.2g}", fontsize=9)
    return image
