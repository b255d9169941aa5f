"""Collect and draw the curves of how fast an ablated agent relearns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from chisel.analysis.results import (
    INK,
    PALETTE,
    DataTable,
    Estimate,
    explain,
    mean_over_seeds,
    new_row,
    plot_band,
    shared_legend,
    style_axes,
)


@dataclass(frozen=True)
class RelearningCurve:
    """The metrics of one run that is trained on without a region."""

    frames: NDArray[np.int64]
    """Numbers of frames of further training `[K]`; the first is 0."""
    metrics: Mapping[str, NDArray[np.float64]]
    """Values `[K]` of each metric on held-out episodes, without the region."""

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
    """Value of each run before the ablation, by metric."""
    variants: Mapping[str, Sequence[RelearningCurve]]
    """Curve of each run of a variant, by its name."""
    within: Mapping[str, tuple[float, float] | None]
    """Range of each metric, or `None` if it is not known."""

    def to_plain(self) -> dict[str, Any]:
        """Return all values, and the number of frames after which each run has regained them."""
        return {
            "region": self.region,
            "metric": self.metric,
            "whole": self.whole,
            "variants": {
                name: [
                    {"frames": curve.frames, "metrics": curve.metrics, "regained": frames}
                    for curve, frames in zip(curves, self.regained(curves), strict=True)
                ]
                for name, curves in self.variants.items()
            },
        }

    def regained(self, curves: Sequence[RelearningCurve]) -> list[int | None]:
        """Return the frames until the metric is 90 % of its old value, by run; `None` if never."""
        wholes = zip(curves, self.whole[self.metric], strict=True)
        return [curve.regained(self.metric, 0.9 * whole) for curve, whole in wholes]

    def table(self) -> DataTable:
        """Return, for each variant and metric, the values at the beginning and at the end."""
        last = next(iter(self.variants.values()))[0].frames[-1]
        return DataTable(
            title=f"trained on without {self.region}",
            caption="means over seeds, with 95 % intervals, where there are several; regained: "
            f"frames until {self.metric} is 90 % of the whole network's",
            rows=[
                {
                    "variant": name,
                    "metric": metric,
                    "whole network": self._mean(metric, self.whole[metric]),
                    "at first": self._mean(metric, [one.metrics[metric][0] for one in curves]),
                    f"after {last:,} frames": self._mean(
                        metric, [one.metrics[metric][-1] for one in curves]
                    ),
                    "regained": self._words(curves) if metric == self.metric else None,
                }
                for name, curves in self.variants.items()
                for metric in self.whole
            ],
        )

    def _mean(self, metric: str, values: Sequence[float]) -> Estimate:
        return mean_over_seeds(values, within=self.within[metric])

    def _words(self, curves: Sequence[RelearningCurve]) -> str:
        found = self.regained(curves)
        return ", ".join("never" if frames is None else f"{frames:,}" for frames in found)


def relearning_figure(relearning: Relearning, title: str) -> Figure:
    """Draw one panel per metric: each variant over frames, and the whole network as a line."""
    metrics = list(relearning.whole)
    figure, axes = new_row(len(metrics), 2.9 * len(metrics), 3.5, title)
    for ax, metric in zip(axes, metrics, strict=True):
        whole, within = float(np.mean(relearning.whole[metric])), relearning.within[metric]
        ax.axhline(whole, color=INK, linewidth=0.9, linestyle="--", label="whole network")
        for (name, curves), colour in zip(relearning.variants.items(), PALETTE, strict=False):
            values = [curve.metrics[metric] for curve in curves]
            line: dict[str, Any] = {"color": colour, "label": name, "marker": "o", "ms": 3}
            plot_band(ax, curves[0].frames, values, within=within, **line)
        if within == (0.0, 1.0):
            ax.set_ylim(-0.03, 1.03)
        style_axes(ax, metric, xlabel="frames", steps=True)
    shared_legend(figure, axes[0], ncols=4, fontsize=8.5)
    seeds = max(map(len, relearning.variants.values()))
    bands = "; bands: 95 % intervals over seeds (Student's t)" if seeds > 1 else ""
    explain(figure, f"n = {seeds} training seed{'s' * (seeds > 1)}{bands}")
    return figure
