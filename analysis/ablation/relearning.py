"""Curves of how fast an ablated agent relearns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from chisel.analysis.results import (
    INK,
    PALETTE,
    Estimate,
    Range,
    mean_over_seeds,
    new_figure,
    new_table,
    plot_band,
    style_axes,
)


@dataclass(frozen=True)
class RelearningCurve:
    """The metrics of one run that is trained on without a region."""

    frames: NDArray[np.int64]
    """Numbers of frames trained on `[K]`; the first is 0."""
    metrics: Mapping[str, NDArray[np.float64]]
    """By metric the values `[K]` on held-out episodes, without the region."""

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        metrics = {name: [float(v) for v in values] for name, values in self.metrics.items()}
        return {"frames": self.frames.tolist(), "metrics": metrics}

    def regained(self, metric: str, goal: float) -> int | None:
        """Return the first measured number of frames at which a metric reaches a goal, if any."""
        reached = np.flatnonzero(self.metrics[metric] >= goal)
        return int(self.frames[reached[0]]) if len(reached) else None


@dataclass(frozen=True)
class Relearning:
    """The curves of several variants; the runs of each differ in their seeds."""

    region: str
    metric: str
    """Metric that counts as regained at 90 % of its value before the ablation."""
    whole: Mapping[str, Sequence[float]]
    """By metric, the value of each run before anything was ablated."""
    variants: Mapping[str, Sequence[RelearningCurve]]
    """By name, a curve for each run."""
    within: Mapping[str, Range | None]
    """By metric its range, where it is known."""

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "region": self.region,
            "metric": self.metric,
            "whole": {name: list(map(float, values)) for name, values in self.whole.items()},
            "variants": {
                name: [
                    curve.to_plain() | {"regained": curve.regained(self.metric, goal)}
                    for curve, goal in zip(curves, self.goals, strict=True)
                ]
                for name, curves in self.variants.items()
            },
        }

    @property
    def goals(self) -> list[float]:
        """By run, 90 % of the metric before the ablation."""
        return [0.9 * value for value in self.whole[self.metric]]

    def table(self) -> Table:
        """Return a table for a terminal: each metric at the beginning and at the end."""
        first = next(iter(self.variants.values()))[0]
        table = new_table(
            title=f"trained on without {self.region}, from 0 to {first.frames[-1]:,} frames",
            caption="means over seeds where there are several; regained: frames until "
            f"{self.metric} is 90 % of the whole network's",
            words=[""],
            numbers=[*self.whole, "regained"],
        )
        wholes = (mean_over_seeds(values) for values in self.whole.values())
        table.add_row("whole network", *(f"{whole.value:.2f}" for whole in wholes))
        for name, curves in self.variants.items():
            ends = (
                [mean_over_seeds([c.metrics[m][at] for c in curves]) for at in (0, -1)]
                for m in self.whole
            )
            table.add_row(name, *(_change(*pair) for pair in ends), self._regained(curves))
        return table

    def _regained(self, curves: Sequence[RelearningCurve]) -> str:
        found = [c.regained(self.metric, goal) for c, goal in zip(curves, self.goals, strict=True)]
        return ", ".join("never" if frames is None else f"{frames:,}" for frames in found)


def _change(first: Estimate, last: Estimate) -> str:
    return f"{first.value:.2f} → {last.value:.2f}"


def relearning_figure(relearning: Relearning, title: str) -> Figure:
    """Draw one panel per metric: each variant over frames, and the whole network as a line."""
    metrics = list(relearning.whole)
    figure = new_figure(2.9 * len(metrics), 3.5, title)
    axes = figure.subplots(1, len(metrics), squeeze=False)[0]
    for ax, metric in zip(axes, metrics, strict=True):
        whole, within = float(np.mean(relearning.whole[metric])), relearning.within[metric]
        ax.axhline(whole, color=INK, linewidth=0.9, linestyle="--", label="whole network")
        for (name, curves), colour in zip(relearning.variants.items(), PALETTE, strict=False):
            values = [curve.metrics[metric] for curve in curves]
            line: dict[str, Any] = {"color": colour, "label": name, "marker": "o", "ms": 3}
            plot_band(ax, curves[0].frames, values, within=within, **line)
        if within == (0.0, 1.0):
            ax.set_ylim(-0.03, 1.03)
        style_axes(ax, metric, xlabel="frames", exponent=3)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8.5)
    return figure
