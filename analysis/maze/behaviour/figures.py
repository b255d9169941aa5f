"""Figures of behaviour: one agent's, over regions of training, and over training."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chisel.analysis.maze import VectorField, draw_arrows
from chisel.analysis.maze.behaviour.heat_maps import ORIGINS, HeatMap
from chisel.analysis.maze.behaviour.metrics import METRICS, PUBLISHED
from chisel.analysis.maze.behaviour.region_sweep import RegionAgent, RegionSweep, Setting, name_of
from chisel.analysis.maze.behaviour.summary import ENDS, GAP, OFF, ON
from chisel.analysis.maze.behaviour.training_curves import MEASURES, TrainingCurve
from chisel.analysis.results import (
    CHEESE,
    CORNER,
    GREY,
    INK,
    PALETTE,
    Estimate,
    Tree,
    branch,
    leaves,
    new_figure,
    plain_axes,
    plot_estimates,
)

_END_COLOURS = dict(zip(ENDS, (CHEESE, CORNER, GREY), strict=True))
_PLACEMENT_COLOURS = {ON: PALETTE[2], OFF: PALETTE[1]}
_VARIABLE_COLOURS = dict(zip(PUBLISHED, (INK, PALETTE[0], GREY), strict=True))

TreeEstimate = Callable[[Tree], Estimate | None]
"""From one agent's tree to one of its estimates; None if the tree doesn't have it."""


def regression_figure(tree: Tree, title: str) -> Figure:
    """Draw coefficients of both batches, and predictions beside those of the base rate.

    Args:
        tree: The tree of `behaviour`.
        title: One line above.
    """
    figure = new_figure(9.5, 3.4, title)
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.5, 1, 1))
    coefficients = leaves(tree, "regression", "coefficients")
    _dots(left, coefficients, INK, -0.12, "first batch")
    _dots(left, leaves(tree, "second", "coefficients"), GREY, 0.12, "second batch")
    left.axvline(0, color=INK, linewidth=0.8, alpha=0.5)
    left.set_yticks(range(len(coefficients)), list(coefficients), fontsize=8)
    left.set_title("log-odds of the cheese per deviation", fontsize=9.5)
    left.legend(frameon=False, fontsize=8)
    rows = {"these": leaves(tree, "validation")}
    rows |= {name: leaves(tree, "drop_one", name) for name in branch(tree, "drop_one")}
    rows |= {"all metrics": leaves(tree, "all", "validation"), "2nd batch": leaves(tree, "carried")}
    for ax, key, heading in (
        (middle, "log_loss", "log-loss, nats"),
        (right, "accuracy", "accuracy"),
    ):
        _dots(ax, {name: row[key] for name, row in rows.items()}, INK)
        base = [row[f"base_{key}"].value for row in rows.values()]
        ax.vlines(base, np.arange(len(rows)) - 0.5, np.arange(len(rows)) + 0.5, color=PALETTE[1])
        ax.set_title(f"{heading} (red: base rate)", fontsize=9.5)
    middle.set_yticks(range(len(rows)), list(rows), fontsize=7)
    right.set_yticks([])
    for ax in (left, middle, right):
        ax.invert_yaxis()
    return figure


def ends_figure(tree: Tree, title: str) -> Figure:
    """Draw how episodes end, by the cheese's place.

    Args:
        tree: The tree of `behaviour`.
        title: One line above.
    """
    summary, corners = branch(tree, "summary"), branch(tree, "corners")
    rows = {name: leaves(summary, name) for name in summary if name != GAP}
    rows["decision square"] = leaves(tree, "decision")
    rows |= {f"cheese {name}": leaves(corners, name) for name in corners}
    figure = new_figure(7.5, 1.2 + 0.36 * len(rows), title)
    ax = figure.subplots()
    for shift, end in zip((-0.2, 0, 0.2), ENDS, strict=True):
        _dots(ax, {name: row[end] for name, row in rows.items()}, _END_COLOURS[end], shift, end)
    ax.set_yticks(range(len(rows)), list(rows), fontsize=9)
    ax.set_xlim(-0.03, 1.03)
    ax.invert_yaxis()
    ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def correlation_figure(frame: pd.DataFrame, title: str) -> Figure:
    """Draw Pearson correlations of all metrics and of the outcome.

    Args:
        frame: Episodes of `decision_episodes`.
        title: One line above.
    """
    names = ["cheese", *(name for name in METRICS if np.ptp(frame[name]) > 0)]
    values = np.corrcoef(frame[names].to_numpy(np.float64), rowvar=False)
    figure = new_figure(8.4, 7.6, title)
    ax = figure.subplots()
    image = ax.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
    labels = ["ended at the cheese", *names[1:]]
    ax.set_xticks(range(len(names)), labels, rotation=90, fontsize=8)
    ax.set_yticks(range(len(names)), labels, fontsize=8)
    for (row, col), value in np.ndenumerate(values):
        colour = "white" if abs(value) > 0.6 else INK
        shown = f"{value:.2f}".replace("0.", ".")
        ax.text(col, row, shown, ha="center", va="center", fontsize=6, color=colour)
    figure.colorbar(image, ax=ax, shrink=0.7)
    return figure


def heat_figure(maps: Sequence[HeatMap], title: str) -> Figure:
    """Draw P(cheese) by offset, a panel for each map; small numbers count episodes.

    Args:
        maps: The heat maps.
        title: One line above.
    """
    figure = new_figure(5.2 * len(maps), 4.9, title)
    axes = figure.subplots(1, len(maps), squeeze=False)[0]
    for ax, one in zip(axes, maps, strict=True):
        edges = (one.cols[0] - 0.5, one.cols[-1] + 0.5, one.rows[0] - 0.5, one.rows[-1] + 0.5)
        image = ax.imshow(one.share, origin="lower", extent=edges, cmap="viridis", vmin=0, vmax=1)
        size = max(3.5, min(8.0, 80 / max(one.share.shape)))
        for row, col in np.argwhere(one.count):
            colour = INK if one.share[row, col] > 0.6 else "white"
            place = (one.cols[col], one.rows[row])
            ax.text(*place, one.count[row, col], ha="center", va="center", fontsize=size, c=colour)
        if (one.cols[0] <= 0) and (one.cols[-1] >= 0) and one.rows[0] <= 0 <= one.rows[-1]:
            ax.plot(0, 0, "x", color=PALETTE[1], ms=9, mew=2)
        ax.set_title(f"cheese minus {ORIGINS[one.origin]} (×), cells", fontsize=10)
        ax.set_xlabel("columns", fontsize=9)
        ax.set_ylabel("rows", fontsize=9)
    figure.colorbar(image, ax=list(axes), shrink=0.8, label="P(cheese)")
    return figure


def regions_figure(sweep: RegionSweep, title: str) -> Figure:
    """Draw success, choices and regression by the region of training.

    A dot with a bar is one agent with its interval over layouts, or the mean over several seeds
    with its interval over these; small dots are the seeds.

    Args:
        sweep: Agents and their measures.
        title: One line above.
    """
    figure = new_figure(15.5, 3.9, title)
    axes = figure.subplots(1, 4)
    for ax, name, heading, keys, colours in (
        (axes[0], "success", "success, all levels", (ON, OFF), _PLACEMENT_COLOURS),
        (
            axes[1],
            "episodes",
            "levels with a decision square:\nhow episodes go",
            ENDS,
            _END_COLOURS,
        ),
        (axes[2], "square", "on that square:\nprobability of the move to", ENDS, _END_COLOURS),
        (
            axes[3],
            "coefficients",
            "regression: log-odds of the cheese\nper deviation",
            PUBLISHED,
            _VARIABLE_COLOURS,
        ),
    ):
        for number, key in enumerate(keys):
            shift = 0.13 * (number - (len(keys) - 1) / 2)
            _estimates(ax, sweep, _leaf(name, key), colours[key], shift, key)
        ax.set_title(heading, fontsize=9.5)
        _finish(ax, sweep.settings)
    for ax in axes[:3]:
        ax.set_ylim(-0.03, 1.03)
    if not any("coefficients" in sweep.joined(setting) for setting in sweep.settings):
        note = "nearly all episodes\nend alike: no regression"
        axes[3].text(0.5, 0.6, note, transform=axes[3].transAxes, ha="center", fontsize=8.5)
    axes[3].axhline(0, color=INK, lw=0.8, alpha=0.5)
    return figure


def training_curve_figure(curve: TrainingCurve, measures: Sequence[str], title: str) -> Figure:
    """Draw a panel for each measure, with its curves and their intervals.

    Args:
        curve: Measures over training.
        measures: Names of the measures that are drawn.
        title: One line above.
    """
    figure = new_figure(5.2 * len(measures), 3.8, title)
    axes = figure.subplots(1, len(measures), squeeze=False)[0]
    for ax, measure in zip(axes, measures, strict=True):
        for name, colour in zip(curve.names(measure), itertools.cycle(PALETTE), strict=False):
            plot_estimates(ax, curve.steps, curve.curve(measure, name), colour, name)
        ax.set_title(MEASURES[measure][0], fontsize=10)
        ax.set_xlabel("environment steps", fontsize=9)
        ax.ticklabel_format(axis="x", style="sci", scilimits=(6, 6), useMathText=True)
        plain_axes(ax)
        ax.legend(frameon=False, fontsize=8)
    return figure


def field_frames(fields: Sequence[VectorField], steps: Sequence[int]) -> list[Figure]:
    """Draw one frame of the same maze for each checkpoint.

    Args:
        fields: The policy's field at each checkpoint.
        steps: Environment steps of each checkpoint.
    """
    figures = []
    for field, step in zip(fields, steps, strict=True):
        figure = Figure(figsize=(4, 4.3), dpi=100)
        ax = figure.add_axes((0.02, 0.02, 0.96, 0.89))
        draw_arrows(ax, field)
        ax.set_title(f"{step:,} steps", fontsize=11)
        figures.append(figure)
    return figures


def _dots(
    ax: Axes,
    rows: Mapping[str, Estimate],
    colour: str,
    shift: float = 0,
    label: str | None = None,
) -> None:
    """Draw a dot with its interval for each row."""
    places = np.arange(len(rows)) + shift
    for place, value in zip(places, rows.values(), strict=True):
        ax.plot([value.low, value.high], [place, place], color=colour, linewidth=1.5)
    ax.plot([value.value for value in rows.values()], places, "o", color=colour, ms=4, label=label)
    plain_axes(ax, "x")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="x", labelsize=8)
    ax.tick_params(axis="y", length=0)


def _leaf(name: str, key: str) -> TreeEstimate:
    return lambda tree: leaves(tree, name).get(key) if name in tree else None


def _estimates(
    ax: Axes, sweep: RegionSweep, of: TreeEstimate, colour: str, shift: float, label: str
) -> None:
    for place, setting in enumerate(sweep.settings):
        value = of(sweep.joined(setting))
        if value is None:
            continue
        seeds = sweep.of(setting)
        if len(seeds) > 1:
            _seeds(ax, seeds, of, colour, place + shift + 0.045)
        if not np.isnan(value.low):
            ax.plot([place + shift] * 2, [value.low, value.high], color=colour, lw=1.6)
        ax.plot(place + shift, value.value, "o", ms=5, color=colour)
    ax.plot([], [], "o", ms=5, color=colour, label=label)


def _seeds(
    ax: Axes, seeds: Sequence[RegionAgent], of: TreeEstimate, colour: str, place: float
) -> None:
    values = [found.value for one in seeds if (found := of(one.tree)) is not None]
    ax.plot([place] * len(values), values, "o", ms=2.5, mfc="none", mec=colour, mew=0.8)


def _finish(ax: Axes, settings: Sequence[Setting]) -> None:
    ax.set_xticks(range(len(settings)), [name_of(one) for one in settings], fontsize=8.5)
    ax.set_xlim(-0.5, len(settings) - 0.5)
    plain_axes(ax, "y")
    ax.tick_params(axis="y", labelsize=8)
    ax.set_xlabel("where the cheese was in training", fontsize=8.5)
    ax.legend(frameon=False, fontsize=7.5, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=1)
