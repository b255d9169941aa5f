"""Draw behaviour: of one agent, by region of training, and over training."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chisel.analysis.maze import VectorField, draw_arrows
from chisel.analysis.maze.behaviour.metrics import METRICS, PUBLISHED
from chisel.analysis.maze.behaviour.region_sweep import RegionAgent
from chisel.analysis.maze.behaviour.summary import ENDS, GAP, OFF, ON
from chisel.analysis.maze.behaviour.tables import ORIGINS, Origin
from chisel.analysis.results import (
    CHEESE,
    CORNER,
    GREY,
    INK,
    PALETTE,
    DataTable,
    Estimate,
    draw_heat,
    estimate_over_seeds,
    explain,
    new_row,
    plot_estimates,
    style_axes,
)

_END_COLOURS = dict(zip(ENDS, (CHEESE, CORNER, GREY), strict=True))
_REGION_PANELS = (
    ("success", "success, all levels", {ON: PALETTE[2], OFF: PALETTE[1]}),
    ("episodes", "levels with a decision square:\nhow episodes go", _END_COLOURS),
    ("square", "on that square:\nprobability of the move to", _END_COLOURS),
    (
        "coefficients",
        "regression: log-odds of the cheese\nper deviation",
        dict(zip(PUBLISHED, (INK, PALETTE[0], GREY), strict=True)),
    ),
)
"""Measures, with the heading of each one's panel and the colours of its estimates."""


def regression_figure(
    coefficients: DataTable, predictions: DataTable, title: str, over: str
) -> Figure:
    """Draw coefficients of both batches, and predictions beside those of the base rate.

    Args:
        coefficients: The table `regression` of `tables_of`.
        predictions: The table `predictions` of `tables_of`.
        title: Title of the figure.
        over: Units of the intervals, in words, such as `layouts`.
    """
    figure, (left, *others) = new_row(3, 9.5, 3.6, title, width_ratios=(1.5, 1, 1))
    *variables, _ = coefficients.rows  # the last one is the intercept
    colours = {"1st batch": INK, "2nd batch": GREY}
    _rows(left, "log-odds of the cheese per deviation", variables, "variable", colours)
    left.axvline(0, color=INK, linewidth=0.8, alpha=0.5)
    left.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=2)
    rows = predictions.rows
    bases = {
        "log-loss": [row["log-loss"].value + row["log-loss gain"].value for row in rows],
        "accuracy": [row["base rate"].value for row in rows],
    }
    for ax, (name, base) in zip(others, bases.items(), strict=True):
        _rows(ax, f"{name}\n(red: base rate)", rows, "variables", {name: INK})
        ax.vlines(base, np.arange(len(rows)) - 0.5, np.arange(len(rows)) + 0.5, color=PALETTE[1])
    others[-1].set_yticks([])
    explain(figure, f"lines: 95 % intervals over {over}")
    return figure


def ends_figure(ends: DataTable, title: str, over: str) -> Figure:
    """Draw the ends of episodes, by the placement of the cheese.

    Args:
        ends: The table `ends` of `tables_of`.
        title: Title of the figure.
        over: Units of the intervals, in words, such as `layouts`.
    """
    rows = [row for row in ends.rows if row["mazes"] != GAP]
    figure, (ax,) = new_row(1, 7.5, 1.2 + 0.36 * len(rows), title)
    _rows(ax, "", rows, "mazes", _END_COLOURS)
    ax.set_xlim(-0.03, 1.03)
    ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    explain(figure, f"lines: 95 % intervals over {over}")
    return figure


def correlation_figure(frame: pd.DataFrame, title: str) -> Figure:
    """Draw Pearson correlations of all metrics and of the outcome.

    Args:
        frame: Episodes of `decision_episodes`.
        title: Title of the figure.
    """
    names = ["cheese", *(name for name in METRICS if np.ptp(frame[name]) > 0)]
    values = frame[names].astype(float).corr().to_numpy()
    figure, (ax,) = new_row(1, 8.4, 7.6, title)
    labels = ["ended at the cheese", *names[1:]]
    style: dict[str, Any] = {"colours": "RdBu_r", "limits": (-1, 1), "shown": _shown, "size": 6}
    image = draw_heat(ax, values, labels, labels, **style)
    ax.tick_params(axis="x", rotation=90)
    figure.colorbar(image, ax=ax, shrink=0.7)
    return figure


def _shown(correlation: float) -> str:
    return f"{correlation:.2f}".replace("0.", ".")


def heat_figure(maps: Mapping[Origin, pd.DataFrame], title: str) -> Figure:
    """Draw P(cheese) by the cheese's place, a panel for each map; small numbers count episodes.

    Args:
        maps: Tables of `heat_map`, by the origin of the places.
        title: Title of the figure.
    """
    figure, axes = new_row(len(maps), 5.2 * len(maps), 4.9, title)
    for ax, (origin, places) in zip(axes, maps.items(), strict=True):
        grid = places.pivot(index="rows", columns="columns", values="share")
        rows, cols = (np.arange(axis.min(), axis.max() + 1) for axis in grid.axes)
        share = grid.reindex(index=rows, columns=cols)
        image = ax.pcolormesh(cols, rows, share, cmap="viridis", vmin=0, vmax=1)
        size = max(3.5, min(8.0, 80 / max(share.shape)))
        for one in places.to_dict("records"):
            colour = INK if one["share"] > 0.6 else "white"
            cell = (one["columns"], one["rows"], one["n"])
            ax.text(*cell, ha="center", va="center", size=size, c=colour)
        if 0 in rows and 0 in cols:
            ax.plot(0, 0, "x", color=PALETTE[1], ms=9, mew=2)
        heading = f"cheese minus {ORIGINS[origin]} (×), cells"
        style_axes(ax, heading, xlabel="columns", ylabel="rows")
        ax.grid(visible=False)
        ax.set_aspect("equal")
    figure.colorbar(image, ax=axes, shrink=0.8, label="P(cheese)")
    return figure


def regions_figure(sweep: Mapping[str, Sequence[RegionAgent]], title: str) -> Figure:
    """Draw success, choices and regression by the region of training.

    A dot with a bar is one agent with its interval over layouts, or the mean over several seeds
    with its interval over these; small dots are the seeds.

    Args:
        sweep: Agents by their region of training, in words.
        title: Title of the figure.
    """
    figure, axes = new_row(len(_REGION_PANELS), 15.5, 3.9, title)
    for ax, (name, heading, colours) in zip(axes, _REGION_PANELS, strict=True):
        for number, (key, colour) in enumerate(colours.items()):
            shift = 0.13 * (number - (len(colours) - 1) / 2)
            ax.plot([], [], "o", ms=5, color=colour, label=key)
            for place, agents in enumerate(sweep.values()):
                if all(name in one.tree for one in agents):
                    _seeds(ax, place + shift, [one.tree[name][key] for one in agents], colour)
        if not ax.collections:
            note = "nearly all episodes\nend alike: no regression"
            ax.text(0.5, 0.6, note, transform=ax.transAxes, ha="center", fontsize=8.5)
        style_axes(ax, heading, xlabel="where the cheese was in training", grid="y")
        ax.set(xticks=range(len(sweep)), xticklabels=sweep, xlim=(-0.5, len(sweep) - 0.5))
        ax.legend(frameon=False, fontsize=7.5, loc="upper center", bbox_to_anchor=(0.5, -0.2))
        if name != "coefficients":
            ax.set_ylim(-0.03, 1.03)
    axes[-1].axhline(0, color=INK, lw=0.8, alpha=0.5)
    explain(
        figure,
        "lines: 95 % intervals, of a lone agent over layouts, of several seeds over these; small "
        "dots: seeds",
    )
    return figure


def training_curve_figure(tables: Mapping[str, DataTable], title: str) -> Figure:
    """Draw a panel for each measure, with its curves and their intervals.

    Args:
        tables: Tables of `training_curve_tables`.
        title: Title of the figure.
    """
    figure, axes = new_row(len(tables), 5.2 * len(tables), 3.8, title)
    for ax, table in zip(axes, tables.values(), strict=True):
        for name, colour in zip(table.headings[1:], itertools.cycle(PALETTE), strict=False):
            rows = [row for row in table.rows if name in row]
            steps, points = [row["steps"] for row in rows], [row[name] for row in rows]
            plot_estimates(ax, steps, points, colour, name)
        style_axes(ax, table.title, xlabel="environment steps", steps=True)
        ax.legend(frameon=False, fontsize=8)
    explain(figure, f"bands: {next(iter(tables.values())).caption}")
    return figure


def field_frames(fields: Mapping[int, VectorField]) -> list[Figure]:
    """Draw one frame of the same maze for each checkpoint.

    Args:
        fields: The policy's field at each checkpoint, by environment steps.
    """
    figures = []
    for step, field in fields.items():
        figure = Figure(figsize=(4, 4.3), dpi=100)
        ax = figure.add_axes((0.02, 0.02, 0.96, 0.89))
        draw_arrows(ax, field)
        ax.set_title(f"{step:,} steps", fontsize=11)
        figures.append(figure)
    return figures


def _rows(
    ax: Axes,
    title: str,
    rows: Sequence[Mapping[str, Any]],
    key: str,
    colours: Mapping[str, str],
) -> None:
    """Draw dots with intervals, a row of them for each row of a table.

    Args:
        ax: Axes to draw on.
        title: Text above.
        rows: Rows of the table, the first one at the top.
        key: Heading of the rows' names.
        colours: Colours of the dots by heading of their estimates.
    """
    for number, (heading, colour) in enumerate(colours.items()):
        places = np.arange(len(rows)) + 0.2 * (number - (len(colours) - 1) / 2)
        values = [row[heading] for row in rows]
        ax.hlines(places, [one.low for one in values], [one.high for one in values], color=colour)
        ax.plot([one.value for one in values], places, "o", color=colour, ms=4, label=heading)
    style_axes(ax, title, grid="x")
    names = [row[key] for row in rows]
    ax.set(yticks=range(len(rows)), yticklabels=names, ylim=(len(rows) - 0.5, -0.5))
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)


def _seeds(ax: Axes, place: float, values: Sequence[Estimate], colour: str) -> None:
    """Draw the estimates of one agent, or of the seeds of a group and their mean."""
    mean = estimate_over_seeds(values)
    if len(values) > 1:
        places = [place + 0.045] * len(values)
        ax.plot(places, [one.value for one in values], "o", ms=2.5, mfc="none", mec=colour, mew=0.8)
    ax.vlines(place, mean.low, mean.high, color=colour, lw=1.6)
    ax.plot(place, mean.value, "o", ms=5, color=colour)
