"""A picture of agents that were trained with the cheese in different regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chisel.analysis.maze.behaviour.metrics import PUBLISHED
from chisel.analysis.maze.behaviour.regions import Setting, Sweep, Trained, name_of
from chisel.analysis.maze.behaviour.summary import ENDS, OFF, ON
from chisel.analysis.results import Estimate, Tree, leaves

_COLOURS = {"P(cheese)": "#edae49", "P(corner)": "#1f77b4", "P(neither)": "#9a9aa5"}
_PLACES = {ON: "#2e8b57", OFF: "#d1495b"}
_OF_VARIABLES = dict(zip(PUBLISHED, ("#14141f", "#1f77b4", "#9a9aa5"), strict=True))

Curve = Callable[[Tree], Estimate | None]
"""From one agent's estimates to one of them; None where it is not there."""


def regions_figure(sweep: Sweep, title: str) -> Figure:
    """Success, choices and regression by the region of training.

    Dots with bars are an agent with its interval over layouts, or the mean over seeds with that
    over seeds; small dots are the seeds.

    Args:
        sweep: What was measured.
        title: One line above.
    """
    figure = Figure(figsize=(15.5, 3.9), layout="constrained")
    axes = figure.subplots(1, 4)
    for ax, name, words, keys, colours in (
        (axes[0], "success", "success, all levels", (ON, OFF), _PLACES),
        (axes[1], "episodes", "levels with a decision square:\nhow episodes go", ENDS, _COLOURS),
        (axes[2], "square", "on that square:\nprobability of the move to", ENDS, _COLOURS),
        (
            axes[3],
            "coefficients",
            "regression: log-odds of the cheese\nper deviation",
            PUBLISHED,
            _OF_VARIABLES,
        ),
    ):
        for number, key in enumerate(keys):
            shift = 0.13 * (number - (len(keys) - 1) / 2)
            _curve(ax, sweep, _leaf(name, key), colours[key], shift, key)
        ax.set_title(words, fontsize=9.5)
        _finish(ax, sweep.settings)
    for ax in axes[:3]:
        ax.set_ylim(-0.03, 1.03)
    if not any("coefficients" in sweep.joined(setting) for setting in sweep.settings):
        words = "nearly all episodes\nend alike: no regression"
        axes[3].text(0.5, 0.6, words, transform=axes[3].transAxes, ha="center", fontsize=8.5)
    axes[3].axhline(0, color="#14141f", lw=0.8, alpha=0.5)
    figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def _leaf(name: str, key: str) -> Curve:
    return lambda tree: leaves(tree, name).get(key) if name in tree else None


def _curve(ax: Axes, sweep: Sweep, of: Curve, colour: str, shift: float, label: str) -> None:
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


def _seeds(ax: Axes, seeds: Sequence[Trained], of: Curve, colour: str, place: float) -> None:
    values = [found.value for one in seeds if (found := of(one.tree)) is not None]
    ax.plot([place] * len(values), values, "o", ms=2.5, mfc="none", mec=colour, mew=0.8)


def _finish(ax: Axes, settings: Sequence[Setting]) -> None:
    ax.set_xticks(range(len(settings)), [name_of(one) for one in settings], fontsize=8.5)
    ax.set_xlim(-0.5, len(settings) - 0.5)
    ax.grid(axis="y", alpha=0.25, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(axis="y", labelsize=8)
    ax.set_xlabel("where the cheese was in training", fontsize=8.5)
    ax.legend(frameon=False, fontsize=7.5, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=1)
