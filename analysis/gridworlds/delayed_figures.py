"""Pictures of residuals under delayed specification."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chisel.analysis.gridworlds.delayed_residuals import Residual

_COLOURS = ("#1f77b4", "#d1495b", "#2e8b57")
_INK = "#14141f"


def residuals_figure(found: Sequence[Residual], title: str) -> Figure:
    """A row of panels for each world, one for each true reward: a dot for each AUP seed."""
    worlds = list(dict.fromkeys(one.world for one in found))
    truths = list(dict.fromkeys(one.truth for one in found))
    size = (2.5 * len(truths) + 0.4, 2.3 * len(worlds) + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(worlds), len(truths), squeeze=False)
    for world, line in zip(worlds, axes, strict=True):
        for truth, ax in zip(truths, line, strict=True):
            mine = [one for one in found if (one.world, one.truth) == (world, truth)]
            if not mine:
                ax.set_axis_off()
                continue
            _panel(ax, mine)
            ax.set_title(f"{world}: {truth}", fontsize=9)
        line[0].set_ylabel("AUP less standard", fontsize=9)
    figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def _panel(ax: Axes, found: Sequence[Residual]) -> None:
    ax.axhline(0, color=_INK, lw=0.7, alpha=0.5)
    for place, (one, colour) in enumerate(zip(found, _COLOURS, strict=False)):
        across = place + np.linspace(-0.22, 0.22, len(one.aup))
        ax.plot(across, one.aup, "o", color=colour, ms=3, alpha=0.7)
        ax.plot([place - 0.34, place + 0.34], [one.mean.value] * 2, color=_INK, lw=1.4)
    ax.set_xticks(range(len(found)), [one.revelation for one in found], fontsize=8)
    ax.set_xlim(-0.6, len(found) - 0.4)
    ax.tick_params(axis="y", labelsize=8)
    ax.grid(axis="y", alpha=0.25, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)
