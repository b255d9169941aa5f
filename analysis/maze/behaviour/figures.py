"""Pictures of an agent's behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chisel.analysis.maze.behaviour.heat import ORIGINS, HeatMap
from chisel.analysis.maze.behaviour.metrics import METRICS
from chisel.analysis.maze.behaviour.summary import ENDS
from chisel.analysis.results import Estimate, Frame, Tree, branch, leaves

_INK, _GREY = "#14141f", "#9a9aa5"
_COLOURS = {"P(cheese)": "#edae49", "P(corner)": "#1f77b4", "P(neither)": _GREY}


def regression_figure(tree: Tree, title: str) -> Figure:
    """Coefficients of both batches, and how much is predicted beside the base rate.

    Args:
        tree: As `behaviour` gives it.
        title: One line above.
    """
    figure = Figure(figsize=(9.5, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.5, 1, 1))
    coefficients = leaves(tree, "regression", "coefficients")
    _dots(left, coefficients, _INK, -0.12, "first batch")
    _dots(left, leaves(tree, "second", "coefficients"), _GREY, 0.12, "second batch")
    left.axvline(0, color=_INK, linewidth=0.8, alpha=0.5)
    left.set_yticks(range(len(coefficients)), list(coefficients), fontsize=8)
    left.set_title("log-odds of the cheese per deviation", fontsize=9.5)
    left.legend(frameon=False, fontsize=8)
    rows = {"these": leaves(tree, "validation")}
    rows |= {name: leaves(tree, "drop_one", name) for name in branch(tree, "drop_one")}
    rows |= {"all metrics": leaves(tree, "all", "validation"), "2nd batch": leaves(tree, "carried")}
    for ax, key, words in ((middle, "log_loss", "log-loss, nats"), (right, "accuracy", "accuracy")):
        _dots(ax, {name: row[key] for name, row in rows.items()}, _INK)
        base = [row[f"base_{key}"].value for row in rows.values()]
        ax.vlines(base, np.arange(len(rows)) - 0.5, np.arange(len(rows)) + 0.5, color="#d1495b")
        ax.set_title(f"{words} (red: base rate)", fontsize=9.5)
    middle.set_yticks(range(len(rows)), list(rows), fontsize=7)
    right.set_yticks([])
    for ax in (left, middle, right):
        ax.invert_yaxis()
    figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def ends_figure(tree: Tree, title: str) -> Figure:
    """How episodes end, by where the cheese lies.

    Args:
        tree: As `behaviour` gives it.
        title: One line above.
    """
    summary, corners = branch(tree, "summary"), branch(tree, "corners")
    rows = {n: leaves(summary, n) for n in summary if "−" not in n}
    rows["decision square"] = leaves(tree, "decision")
    rows |= {f"cheese {name}": leaves(corners, name) for name in corners}
    figure = Figure(figsize=(7.5, 1.2 + 0.36 * len(rows)), layout="constrained")
    ax = figure.subplots()
    for shift, end in zip((-0.2, 0, 0.2), ENDS, strict=True):
        _dots(ax, {name: row[end] for name, row in rows.items()}, _COLOURS[end], shift, end)
    ax.set_yticks(range(len(rows)), list(rows), fontsize=9)
    ax.set_xlim(-0.03, 1.03)
    ax.invert_yaxis()
    ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def correlation_figure(frame: Frame, title: str) -> Figure:
    """Pearson correlations of all metrics and of the outcome.

    Args:
        frame: Episodes, as `decision_episodes` gives them.
        title: One line above.
    """
    names = ["cheese", *(name for name in METRICS if np.ptp(frame[name]) > 0)]
    values = np.corrcoef(frame.matrix(names), rowvar=False)
    figure = Figure(figsize=(8.4, 7.6), layout="constrained")
    ax = figure.subplots()
    image = ax.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
    labels = ["ended at the cheese", *names[1:]]
    ax.set_xticks(range(len(names)), labels, rotation=90, fontsize=8)
    ax.set_yticks(range(len(names)), labels, fontsize=8)
    for (row, col), value in np.ndenumerate(values):
        colour = "white" if abs(value) > 0.6 else _INK
        shown = f"{value:.2f}".replace("0.", ".")
        ax.text(col, row, shown, ha="center", va="center", fontsize=6, color=colour)
    figure.colorbar(image, ax=ax, shrink=0.7)
    figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def heat_figure(maps: Sequence[HeatMap], title: str) -> Figure:
    """P(cheese) by offset, a panel for each map; small numbers are episodes.

    Args:
        maps: What to draw.
        title: One line above.
    """
    figure = Figure(figsize=(5.2 * len(maps), 4.9), layout="constrained")
    axes = figure.subplots(1, len(maps), squeeze=False)[0]
    for ax, one in zip(axes, maps, strict=True):
        edges = (one.cols[0] - 0.5, one.cols[-1] + 0.5, one.rows[0] - 0.5, one.rows[-1] + 0.5)
        image = ax.imshow(one.share, origin="lower", extent=edges, cmap="viridis", vmin=0, vmax=1)
        size = max(3.5, min(8.0, 80 / max(one.share.shape)))
        for row, col in np.argwhere(one.count):
            colour = _INK if one.share[row, col] > 0.6 else "white"
            place = (one.cols[col], one.rows[row])
            ax.text(*place, one.count[row, col], ha="center", va="center", fontsize=size, c=colour)
        if (one.cols[0] <= 0) and (one.cols[-1] >= 0) and one.rows[0] <= 0 <= one.rows[-1]:
            ax.plot(0, 0, "x", color="#d1495b", ms=9, mew=2)
        ax.set_title(f"cheese minus {ORIGINS[one.origin]} (×), cells", fontsize=10)
        ax.set_xlabel("columns", fontsize=9)
        ax.set_ylabel("rows", fontsize=9)
    figure.colorbar(image, ax=list(axes), shrink=0.8, label="P(cheese)")
    figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def _dots(
    ax: Axes,
    rows: Mapping[str, Estimate],
    colour: str,
    shift: float = 0,
    label: str | None = None,
) -> None:
    """A dot with its interval for each row."""
    places = np.arange(len(rows)) + shift
    for place, value in zip(places, rows.values(), strict=True):
        ax.plot([value.low, value.high], [place, place], color=colour, linewidth=1.5)
    ax.plot([value.value for value in rows.values()], places, "o", color=colour, ms=4, label=label)
    ax.grid(axis="x", alpha=0.25, linewidth=0.6)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="x", labelsize=8)
    ax.tick_params(axis="y", length=0)
