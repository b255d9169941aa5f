"""Draw gradients and ablations of routed agents: heat maps with numbers, and curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from chisel.analysis.ablation import AblationMatrix
from chisel.analysis.localization.gradient_norm import MEAN
from chisel.analysis.localization.result import Condition, Localization
from chisel.analysis.results import (
    GREY,
    INK,
    PALETTE,
    draw_heat,
    explain,
    mean_of_known,
    new_figure,
    new_row,
    plot_estimates,
    style_axes,
)

_TITLES: dict[Condition, str] = {
    "without routes": "without routes",
    "labelled": "with routes, labelled",
    "unlabelled": "with routes, unlabelled",
}
_PLAIN = "without routes, or unlabelled"


def gradient_norm_figure(localization: Localization, title: str) -> Figure:
    """Draw squared gradient norms by kind and region, without and with routes, on a log scale."""
    tables = {_TITLES[c]: localization.norms(c) for c in localization.conditions}
    if "unlabelled" not in localization.conditions:
        tables = {_PLAIN if k == "without routes" else k: table for k, table in tables.items()}
    kinds = list(next(iter(tables.values())))
    regions = list(tables[next(iter(tables))][kinds[0]])
    width = 0.9 + (0.85 * len(regions) + 0.5) * len(tables)
    figure, axes = new_row(len(tables), width, 1.5 + 0.5 * len(kinds), title, sharey=True)
    every = [
        value.value for table in tables.values() for row in table.values() for value in row.values()
    ]
    some = np.log10([value for value in every if value > 0] or [1.0])
    limits = (float(some.min()) - 0.5, float(some.max()) + 0.5)
    for ax, (name, table) in zip(axes, tables.items(), strict=True):
        values = np.array([[table[kind][r].value for r in regions] for kind in kinds])
        with np.errstate(divide="ignore"):
            logs = np.log10(values).clip(limits[0])
        draw_heat(
            ax, logs, kinds, regions, colours="Blues", limits=limits, text=values, shown=_power
        )
        ax.set_title(name, fontsize=10)
    return figure


def _power(value: float) -> str:
    return "0" if value == 0 else f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")


def layers_figure(localization: Localization, title: str) -> Figure:
    """Draw absorption by layer and kind, white where it is one half."""
    by_layer = localization.by_layer()
    layers, kinds = list(by_layer), list(localization.sides)
    values = np.array([[by_layer[layer].get(kind, np.nan) for kind in kinds] for layer in layers])
    values = np.concatenate([values, values.mean(axis=1, keepdims=True)], axis=1)
    width = 1.2 + 0.075 * max(map(len, layers)) + 0.75 * (len(kinds) + 1)
    figure = new_figure(max(width, 0.085 * len(title)), 1.2 + 0.27 * len(layers), title)
    draw_heat(figure.subplots(), values, layers, [*kinds, MEAN], colours="RdBu", limits=(0, 1))
    return figure


def training_figure(
    localization: Localization, shuffled: Localization | None, title: str
) -> Figure:
    """Draw, over training, absorption and the gradient of unlabelled examples in each region."""
    figure, (left, right) = new_row(2, 9.6, 3.7, title)
    steps = localization.steps()
    curves = [localization.absorption(step) for step in steps]
    kinds = [*localization.sides, MEAN]
    for kind, colour in zip(kinds, [*PALETTE[: len(kinds) - 1], INK], strict=True):
        shown = [curve[kind] for curve in curves]
        if kind != MEAN and len(localization.runs) > 1:  # bands of the kinds would hide each other
            shown = [replace(one, low=np.nan, high=np.nan) for one in shown]
        plot_estimates(left, steps, shown, colour, kind)
    if shuffled is not None and shuffled.sides:
        means = [shuffled.absorption(step)[MEAN] for step in shuffled.steps()]
        plot_estimates(left, shuffled.steps(), means, GREY, "mean, shuffled labels")
    left.axhline(localization.expected(MEAN), color=INK, linewidth=0.7, linestyle=":")
    left.set_ylim(-0.03, 1.03)
    for number, (region, values) in enumerate(_per_parameter(localization, steps).items()):
        colour = PALETTE[number % len(PALETTE)]
        right.plot(steps, values, marker=".", lw=1.6, color=colour, label=region)
    right.set_yscale("log")
    titles = (
        "absorption (dotted: by size)",
        "mean squared gradient per parameter, unlabelled",
    )
    for ax, text in zip((left, right), titles, strict=True):
        style_axes(ax, text, xlabel="environment steps", steps=True)
        ax.legend(fontsize=8, frameon=False)
    explain(figure, f"bands: 95 % intervals over {localization.of}")
    return figure


def _per_parameter(localization: Localization, steps: Sequence[int]) -> dict[str, list[float]]:
    """Return means over kinds, geometric over runs, by region and moment of training."""
    found: dict[str, list[float]] = {}
    for step in steps:
        norms = [snapshot.norms["unlabelled"] for snapshot in localization.at(step)]
        rows = np.stack([mean_of_known(one.per_parameter()) for one in norms])
        with np.errstate(divide="ignore"):
            means = np.exp(np.log(rows).mean(axis=0))
        for number, region in enumerate(norms[0].elements.regions):
            if norms[0].elements.sizes[number].any():
                found.setdefault(region, []).append(float(means[number]))
    return found


def matrices_figure(matrices: Mapping[str, AblationMatrix], title: str) -> Figure:
    """Draw metrics by ablation for several agents side by side, coloured by the change.

    Args:
        matrices: Matrices by the title of their panel; all have the same metrics.
        title: Title of the figure.
    """
    metrics = list(next(iter(matrices.values())).metrics)
    rows = max(len(matrix.rows) for matrix in matrices.values())
    width = 1.9 + (0.85 * len(metrics) + 0.4) * len(matrices) + 1.3 * (len(matrices) - 1)
    figure, axes = new_row(len(matrices), width, 1.6 + 0.36 * rows, title)
    for ax, (name, matrix) in zip(axes, matrices.items(), strict=True):
        values = np.array([[r.metrics[m].value for m in metrics] for r in matrix.rows])
        changes = np.array([[r.change[m].value for m in metrics] for r in matrix.rows])
        # Changes of metrics that are no shares are coloured relative to the largest value.
        shares = ((values >= 0) & (values <= 1)).all(axis=0)
        scale = np.where(shares, 1.0, np.abs(values).max(axis=0).clip(1e-9))
        names = [row.label for row in matrix.rows]
        limits = (-0.6, 0.6)
        draw_heat(ax, changes / scale, names, metrics, colours="PuOr", limits=limits, text=values)
        ax.set_title(name, fontsize=10)
    return figure
