"""Learning curves: what training logged, drawn with bands over seeds."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from chisel.analysis.results.figures import PALETTE, new_figure, plot_band, style_axes
from chisel.configs import CheckpointError, ConfigError

METRICS = {
    "charts/success": "success",
    "charts/episodic_return": "return",
    "charts/episodic_length": "length of episodes",
    "losses/entropy": "entropy of the policy",
    "losses/reconstruction": "error of the decoder, summed over labels",
    "split/first": "cross/own error, first half",
    "split/second": "cross/own error, second half",
}
"""Names of the metrics that are drawn, where runs have them."""

RANGES = dict.fromkeys(METRICS, (0.0, math.inf)) | {
    "charts/success": (0.0, 1.0),
    "charts/episodic_return": None,
}
"""The least and the largest value of each metric, where they are known."""

_BAND_FROM = 5
"""Number of seeds from which on a band is drawn; fewer are drawn one by one alone."""

_KEYS = ("iteration", "env_steps")


@dataclass(frozen=True)
class Curve:
    """The metrics of one run."""

    folder: Path
    env_steps: int
    """Environment steps that the run has reached."""
    metrics: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    """By metric the environment steps and the finite values `[T]`."""


def read_curves(folder: Path) -> Curve:
    """Read a run's `metrics.csv`; empty and non-finite cells are left out.

    Raises:
        CheckpointError: If the file is not one of ours or has no row yet.
    """
    path = folder / "metrics.csv"
    points: dict[str, tuple[list[float], list[float]]] = {}
    reached = 0
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                reached = int(row["env_steps"])
                for name, text in row.items():
                    value = float(text) if name not in _KEYS and text else math.nan
                    if math.isfinite(value):
                        steps, values = points.setdefault(name, ([], []))
                        steps.append(reached)
                        values.append(value)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path} is not a log of metrics: {error!r}") from error
    if not points:
        raise CheckpointError(f"{path} has no row yet")
    metrics = {name: (np.array(s), np.array(v)) for name, (s, v) in points.items()}
    return Curve(folder=folder, env_steps=reached, metrics=metrics)


def curves_figure(runs: Mapping[str, Sequence[Curve]]) -> Figure:
    """Draw one panel per metric: the mean over seeds, each seed faintly, and from five on a band.

    The band is the 95 % interval over seeds. The mean ends where the shortest seed does.

    Args:
        runs: By label, the curves of its seeds.

    Raises:
        ConfigError: If no run has any of the metrics that are drawn.
    """
    names = [m for m in METRICS if any(m in curve.metrics for s in runs.values() for curve in s)]
    if not names:
        raise ConfigError(f"nothing to draw: {', '.join(runs)} logged none of {', '.join(METRICS)}")
    colours = dict(zip(runs, itertools.cycle(PALETTE), strict=False))
    columns, rows = min(2, len(names)), -(-len(names) // 2)
    figure = new_figure(4.8 * columns, 3.2 * rows + 0.25 * len(runs))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for unused in axes[len(names) :]:
        unused.set_axis_off()
    for ax, name in zip(axes, names, strict=False):
        for label, seeds in runs.items():
            _draw(ax, [seed for seed in seeds if name in seed.metrics], name, colours[label])
        missing = [_missing(label, seeds, name) for label, seeds in runs.items()]
        title = "\n".join([METRICS[name], *filter(None, missing)])
        style_axes(ax, title, xlabel="environment steps, or examples", exponent=6)
    handles = [Line2D([], [], color=colours[label]) for label in runs]
    labels = [f"{k} ({len(v)} seeds)" if len(v) > 1 else k for k, v in runs.items()]
    figure.legend(handles, labels, loc="outside lower left", frameon=False, fontsize=9)
    return figure


def on_common_steps(
    curves: Sequence[Curve], name: str
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """Interpolate the curves of one metric linearly at the same steps, where all have data."""
    data = [curve.metrics[name] for curve in curves]
    first = max(steps[0] for steps, _ in data)
    last = min(steps[-1] for steps, _ in data)
    grid = np.unique(np.concatenate([steps for steps, _ in data]))
    grid = grid[(grid >= first) & (grid <= last)]
    return grid, [np.interp(grid, steps, values) for steps, values in data]


def _missing(label: str, seeds: Sequence[Curve], name: str) -> str:
    """Return a note if only some seeds of a group have logged a metric."""
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
    plot_band(ax, steps, values, within=RANGES[name], least=_BAND_FROM, color=colour)
