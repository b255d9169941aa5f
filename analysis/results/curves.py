"""Read the metrics that training logged, and draw learning curves with bands over seeds."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from chisel.analysis.results.figures import LINES, new_figure, plot_band, plot_interval, style_axes
from chisel.configs import CheckpointError, ConfigError

METRICS = {
    "charts/success": "success",
    "charts/episodic_return": "return",
    "charts/episodic_length": "length of episodes",
    "losses/entropy": "entropy of the policy",
    "losses/reconstruction": "error of the decoder, summed over labels",
    "split/first": "cross/own error, first half",
    "split/second": "cross/own error, second half",
    "losses/next_token": "loss of the next token, nats",
    "eval/above_entropy": "validation: nats above the exact entropy",
    "eval/above_entropy_forget": "the same, topic to forget",
}
"""Names of the metrics that are drawn, if runs have them."""

RANGES = dict.fromkeys(METRICS, (0.0, math.inf)) | {
    "charts/success": (0.0, 1.0),
    "charts/episodic_return": None,
}
"""The least and the largest value of each metric, where they are known."""

FEW_SEEDS = 5
"""Number of seeds below which they are shown one by one, since an interval over so few means
little."""

KEYS = ("iteration", "env_steps")
"""Columns that say when a row was logged."""
_PANEL = (4.2, 2.9)
"""Width and height of a panel in inches; on 85 mm of paper its smallest text is 7 pt high."""


@dataclass(frozen=True)
class Curve:
    """The metrics of one run."""

    folder: Path
    env_steps: int
    """Environment steps that the run has reached."""
    metrics: dict[str, pd.Series[float]]
    """Finite values `[T]` of each metric, with environment steps as index."""


def read_log(path: Path) -> pd.DataFrame:
    """Read the complete rows of a run's CSV file; missing values are NaN.

    Raises:
        CheckpointError: If the file is not one of ours or has no row yet.
    """
    try:
        text, newline, _ = path.read_text().rpartition("\n")  # a last line may be half written
        log = pd.read_csv(io.StringIO(text + newline), float_precision="round_trip")
        log = log.astype(np.float64).astype(dict.fromkeys(KEYS, np.int64))
    except (OSError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is not a log of metrics: {error!r}") from error
    if log.empty:
        raise CheckpointError(f"{path} has no row yet")
    return log


def read_curves(folder: Path) -> Curve:
    """Read a run's `metrics.csv`; empty and non-finite cells are left out.

    Raises:
        CheckpointError: If the file is not one of ours or has no row yet.
    """
    path = folder / "metrics.csv"
    log = read_log(path)
    steps = log["env_steps"]
    finite = log.drop(columns=list(KEYS)).where(np.isfinite).set_index(steps)
    metrics = {str(name): values.dropna() for name, values in finite.items()}
    known = {name: values for name, values in metrics.items() if len(values)}
    if not known:
        raise CheckpointError(f"{path} has no row yet")
    return Curve(folder=folder, env_steps=int(steps.iloc[-1]), metrics=known)


def curves_figure(
    runs: Mapping[str, Sequence[Curve]], metrics: Mapping[str, str] = METRICS
) -> Figure:
    """Draw one panel per metric: the mean over seeds, each seed faintly, and from five on a band.

    The band is the 95 % interval over seeds. The mean ends where the shortest curve ends.

    Args:
        runs: Curves of the seeds, by label.
        metrics: Words for the metrics that are drawn, by name.

    Raises:
        ConfigError: If no run has any of them.
    """
    names = [m for m in metrics if any(m in curve.metrics for s in runs.values() for curve in s)]
    if not names:
        raise ConfigError(f"nothing to draw: {', '.join(runs)} logged none of {', '.join(metrics)}")
    figure, axes, lines = _panels(len(names), {k: _legend(k, len(v)) for k, v in runs.items()})
    for ax, name in zip(axes, names, strict=True):
        for label, seeds in runs.items():
            _draw(ax, [seed for seed in seeds if name in seed.metrics], name, lines[label])
        missing = [_missing(label, seeds, name) for label, seeds in runs.items()]
        title = "\n".join([metrics[name], *filter(None, missing)])
        style_axes(ax, title, xlabel="environment steps, or examples", steps=True)
        ax.ticklabel_format(axis="y", useOffset=False)
    return figure


def profiles_figure(profiles: Mapping[str, Mapping[str, pd.DataFrame]]) -> Figure:
    """Draw performance profiles: the share of runs that score more than each threshold.

    Args:
        profiles: Tables of `performance_profile`, by metric and label.
    """
    shown = dict.fromkeys(label for of_labels in profiles.values() for label in of_labels)
    labels = {k: f"{k}; band: 95 % at each value, bootstrap over runs" for k in shown}
    figure, axes, lines = _panels(len(profiles), labels)
    for ax, (metric, of_labels) in zip(axes, profiles.items(), strict=True):
        for label, profile in of_labels.items():
            columns = [profile[name] for name in ("threshold", "share", "low", "high")]
            plot_interval(ax, *columns, step=True, **lines[label])
        style_axes(ax, metric, xlabel="value", ylabel="share of runs above")
        ax.set_ylim(-0.03, 1.03)
    return figure


def on_common_steps(
    curves: Sequence[Curve], name: str
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """Interpolate the curves of one metric linearly at common steps, at which all have data."""
    data = [curve.metrics[name] for curve in curves]
    first = max(values.index[0] for values in data)
    last = min(values.index[-1] for values in data)
    grid = np.unique(np.concatenate([values.index for values in data]))
    grid = grid[(grid >= first) & (grid <= last)]
    return grid, [np.interp(grid, values.index, values) for values in data]


def _panels(
    count: int, labels: Mapping[str, str]
) -> tuple[Figure, list[Axes], dict[str, dict[str, Any]]]:
    """Return a figure with axes in two columns, a legend below, and the style of each label."""
    columns, rows = min(2, count), -(-count // 2)
    figure = new_figure(_PANEL[0] * columns, _PANEL[1] * rows + 0.25 * len(labels))
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for unused in axes[count:]:
        unused.set_axis_off()
    lines = dict(zip(labels, itertools.cycle(LINES), strict=False))
    handles = [Line2D([], [], **lines[label]) for label in labels]
    figure.legend(
        handles,
        list(labels.values()),
        loc="outside lower left",
        frameon=False,
        fontsize=9,
        handlelength=3,
    )
    return figure, axes[:count], lines


def _legend(label: str, seeds: int) -> str:
    """Return a label that describes its line and band."""
    if seeds == 1:
        return label
    spread = "thin: each seed" if seeds < FEW_SEEDS else "band: 95 %, Student's t over seeds"
    return f"{label}: mean, n = {seeds} seeds; {spread}"


def _missing(label: str, seeds: Sequence[Curve], name: str) -> str:
    """Return a note if only some seeds of a group have logged a metric."""
    known = sum(name in seed.metrics for seed in seeds)
    return f"{label}: {known} of {len(seeds)} seeds" if 0 < known < len(seeds) else ""


def _draw(ax: Axes, curves: Sequence[Curve], name: str, line: Mapping[str, Any]) -> None:
    if not curves:
        return
    faint = {"color": line["color"], "alpha": 0.25 if len(curves) >= FEW_SEEDS else 0.5}
    for curve in curves:
        if len(curves) > 1:
            ax.plot(curve.metrics[name], linewidth=0.7, **faint)
    steps, values = on_common_steps(curves, name)
    plot_band(ax, steps, values, within=RANGES.get(name), least=FEW_SEEDS, **line)
