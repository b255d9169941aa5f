"""Learning curves with bands over seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from chisel.analysis.results.curves import Curve
from chisel.analysis.results.estimates import band
from chisel.configs import ConfigError

METRICS = {
    "charts/success": "success",
    "charts/episodic_return": "return",
    "charts/episodic_length": "length of episodes",
    "losses/entropy": "entropy of the policy",
    "losses/reconstruction": "error of the decoder, summed over labels",
    "split/first": "cross/own error, first half",
    "split/second": "cross/own error, second half",
}
"""What is drawn, where runs have it."""

RANGES = dict.fromkeys(METRICS, (0.0, math.inf)) | {
    "charts/success": (0.0, 1.0),
    "charts/episodic_return": None,
}
"""The least and the largest value of each, where they are known."""

_BAND_FROM = 5
"""Seeds from which on a band is drawn; fewer speak for themselves."""

_COLOURS = ("#1f77b4", "#d1495b", "#2e8b57", "#edae49", "#6a4c93", "#00798c", "#8d5524", "#555555")


def curves_figure(runs: Mapping[str, Sequence[Curve]]) -> Figure:
    """One panel per metric: the mean over seeds and each seed faintly; a 95 % band from five on.

    The mean ends where the shortest seed does.

    Args:
        runs: Label to the curves of its seeds.

    Raises:
        ConfigError: If no run has any of the metrics that are drawn.
    """
    names = [m for m in METRICS if any(m in curve.metrics for s in runs.values() for curve in s)]
    if not names:
        raise ConfigError(f"nothing to draw: {', '.join(runs)} logged none of {', '.join(METRICS)}")
    colours = dict(zip(runs, itertools.cycle(_COLOURS), strict=False))
    columns, rows = min(2, len(names)), -(-len(names) // 2)
    size = (4.8 * columns, 3.2 * rows + 0.25 * len(runs))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for unused in axes[len(names) :]:
        unused.set_axis_off()
    for ax, name in zip(axes, names, strict=False):
        for label, seeds in runs.items():
            _draw(ax, [seed for seed in seeds if name in seed.metrics], name, colours[label])
        missing = [_missing(label, seeds, name) for label, seeds in runs.items()]
        ax.set_title("\n".join([METRICS[name], *filter(None, missing)]), fontsize=10)
        ax.set_xlabel("environment steps, or examples", fontsize=9)
        ax.grid(alpha=0.25, linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
        ax.ticklabel_format(axis="x", style="sci", scilimits=(6, 6), useMathText=True)
    handles = [Line2D([], [], color=colours[label]) for label in runs]
    labels = [f"{k} ({len(v)} seeds)" if len(v) > 1 else k for k, v in runs.items()]
    figure.legend(handles, labels, loc="outside lower left", frameon=False, fontsize=9)
    return figure


def on_common_steps(
    curves: Sequence[Curve], name: str
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """The curves of one metric at the same steps: where all have data, by linear interpolation."""
    data = [curve.metrics[name] for curve in curves]
    first = max(steps[0] for steps, _ in data)
    last = min(steps[-1] for steps, _ in data)
    grid = np.unique(np.concatenate([steps for steps, _ in data]))
    grid = grid[(grid >= first) & (grid <= last)]
    return grid, [np.interp(grid, steps, values) for steps, values in data]


def _missing(label: str, seeds: Sequence[Curve], name: str) -> str:
    """A note if only some seeds of a group have logged a metric."""
    known = sum(name in seed.metrics for seed in seeds)
    return f"{label}: {known} of {len(seeds)} seeds" if 0 < known < len(seeds) else ""


def _draw(ax: Any, curves: Sequence[Curve], name: str, colour: str) -> None:
    if not curves:
        return
    faint = 0.25 if len(curves) >= _BAND_FROM else 0.5
    for curve in curves:
        if len(curves) > 1:
            ax.plot(*curve.metrics[name], color=colour, alpha=faint, linewidth=0.7)
    steps, values = on_common_steps(curves, name)
    mean, low, high = band(values, within=RANGES[name])
    ax.plot(steps, mean, color=colour, linewidth=1.6)
    if len(curves) >= _BAND_FROM:
        ax.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
