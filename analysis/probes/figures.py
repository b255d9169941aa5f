"""Draw the scores of probes at each layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chisel.analysis.probes.layers import Probed
from chisel.analysis.results import (
    GREY,
    INK,
    PALETTE,
    Estimate,
    explain,
    new_figure,
    plain_axes,
    shared_legend,
)

_KINDS = {"score": PALETTE[1], "untrained": PALETTE[0], "shuffled": GREY}
_LABELS = {"score": "trained", "untrained": "untrained network", "shuffled": "shuffled labels"}
_COLUMNS = 5
"""Number of targets that are drawn side by side."""


def probes_figure(rows: Sequence[Probed], title: str) -> Figure:
    """Draw a panel for each target: scores of the layers, from the input at the top to the policy.

    Args:
        rows: Rows of `probe_layers`.
        title: Title of the figure.
    """
    targets = list(dict.fromkeys(row.target for row in rows))
    layers = list(dict.fromkeys(row.layer for row in rows))
    columns = min(_COLUMNS, len(targets))
    lines = -(-len(targets) // columns)
    size = (2.6 + 1.9 * columns, (1.0 + 0.15 * len(layers)) * lines + 0.6)
    figure = new_figure(*size, title)
    axes = figure.subplots(lines, columns, sharey=True, squeeze=False).ravel()
    for unused in axes[len(targets) :]:
        unused.set_axis_off()
    for ax, target in zip(axes, targets, strict=False):
        _panel(ax, [row for row in rows if row.target == target])
        ax.set_title(target, fontsize=9)
        ax.set_yticks(range(len(layers)), layers, fontsize=7)
        ax.set_ylim(len(layers) - 0.4, -0.6)
    shared_legend(figure, axes[0], ncols=3)
    explain(figure, "scores on test levels; bands: 95 % intervals over layouts")
    return figure


def _panel(ax: Axes, rows: Sequence[Probed]) -> None:
    places = np.arange(len(rows))
    for kind, colour in _KINDS.items():
        found: list[Estimate] = [getattr(row, kind) for row in rows]
        values = np.array([(one.value, one.low, one.high) for one in found])
        # The score of a probe that was fitted to noise can be arbitrarily far below 0.
        values = np.clip(values, -0.25, 1.02)
        ax.plot(values[:, 0], places, ".-", ms=4, lw=1, color=colour, label=_LABELS[kind])
        ax.fill_betweenx(places, values[:, 1], values[:, 2], color=colour, alpha=0.18, linewidth=0)
    ax.axvline(0, color=INK, lw=0.6)
    ax.set(xlim=(-0.27, 1.05), xticks=[0, 0.5, 1])
    ax.tick_params(axis="x", labelsize=7)
    ax.tick_params(axis="y", length=0)
    plain_axes(ax)
