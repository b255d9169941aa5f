"""Pictures of where gradients fall and what ablations do: heat maps with numbers, and curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from chisel.analysis.ablation import AblationMatrix
from chisel.analysis.localization.gradient_norm import MEAN
from chisel.analysis.localization.result import Condition, Localization
from chisel.analysis.results import Estimate

_COLOURS = ("#d1495b", "#1f77b4", "#2e8b57", "#edae49", "#6a4c93", "#00798c", "#8d5524")
_INK, _CONTROL = "#14141f", "#9a9aa5"
_TITLES: dict[Condition, str] = {
    "without routes": "without routes",
    "labelled": "with routes, labelled",
    "unlabelled": "with routes, unlabelled",
}
_PLAIN = "without routes, or unlabelled"


def gradient_norm_figure(localization: Localization, title: str) -> Figure:
    """Kind × region: the mass of gradients, without routes and with them, on a log scale."""
    tables = {_TITLES[c]: localization.masses(c) for c in localization.conditions}
    if "unlabelled" not in localization.conditions:
        tables = {_PLAIN if k == "without routes" else k: table for k, table in tables.items()}
    kinds = list(next(iter(tables.values())))
    regions = list(tables[next(iter(tables))][kinds[0]])
    size = (0.9 + (0.85 * len(regions) + 0.5) * len(tables), 1.5 + 0.5 * len(kinds))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    every = [
        value.value for table in tables.values() for row in table.values() for value in row.values()
    ]
    some = np.log10([value for value in every if value > 0] or [1.0])
    limits = (float(some.min()) - 0.5, float(some.max()) + 0.5)
    for ax, (name, table) in zip(axes, tables.items(), strict=True):
        values = np.array([[table[kind][r].value for r in regions] for kind in kinds])
        with np.errstate(divide="ignore"):
            logs = np.log10(values).clip(limits[0])
        _heat(ax, logs, kinds, regions, colours="Blues", limits=limits, text=values, shown=_power)
        ax.set_title(name, fontsize=10)
    figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def _power(value: float) -> str:
    return "0" if value == 0 else f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")


def _share(value: float) -> str:
    return f"{value:.2f}"


def layers_figure(localization: Localization, title: str) -> Figure:
    """Layer × kind: absorption by layer, white where it is one half."""
    by_layer = localization.by_layer()
    layers, kinds = list(by_layer), list(localization.sides)
    values = np.array([[by_layer[layer].get(kind, np.nan) for kind in kinds] for layer in layers])
    values = np.concatenate([values, values.mean(axis=1, keepdims=True)], axis=1)
    width = 1.2 + 0.075 * max(map(len, layers)) + 0.75 * (len(kinds) + 1)
    size = (max(width, 0.085 * len(title)), 1.2 + 0.27 * len(layers))
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.subplots()
    _heat(ax, values, layers, [*kinds, MEAN], colours="RdBu", limits=(0, 1))
    figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def training_figure(
    localization: Localization, shuffled: Localization | None, title: str
) -> Figure:
    """Over training: absorption, and how much gradient unlabelled examples send to each region."""
    figure = Figure(figsize=(9.6, 3.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = localization.steps()
    curves = [localization.absorption(step) for step in steps]
    kinds = [*localization.sides, MEAN]
    for kind, colour in zip(kinds, [*_COLOURS[: len(kinds) - 1], _INK], strict=True):
        # Of several seeds, the band is the mean's: those of the kinds would hide each other.
        band = kind == MEAN or len(localization.runs) == 1
        _curve(left, steps, [curve[kind] for curve in curves], colour, kind, band)
    if shuffled is not None and shuffled.sides:
        means = [shuffled.absorption(step)[MEAN] for step in shuffled.steps()]
        _curve(left, shuffled.steps(), means, _CONTROL, "mean, shuffled labels")
    left.axhline(localization.expected(MEAN), color=_INK, linewidth=0.7, linestyle=":")
    left.set_ylim(-0.03, 1.03)
    left.set_title("absorption (dotted: by size)", fontsize=10)
    for number, (region, values) in enumerate(_per_parameter(localization, steps).items()):
        colour = _COLOURS[number % len(_COLOURS)]
        right.plot(steps, values, color=colour, label=region, **_line(steps))
    right.set_yscale("log")
    right.set_title("mean squared gradient per parameter, unlabelled", fontsize=10)
    for ax in (left, right):
        ax.set_xlabel("environment steps", fontsize=9)
        ax.tick_params(labelsize=8)
        ax.grid(alpha=0.25, linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
        ax.ticklabel_format(axis="x", style="sci", scilimits=(6, 6), useMathText=True)
        ax.legend(fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def _per_parameter(localization: Localization, steps: Sequence[int]) -> dict[str, list[float]]:
    """By region over training, the mean over kinds, and the geometric one over runs."""
    found: dict[str, list[float]] = {}
    for step in steps:
        masses = [snapshot.masses["unlabelled"] for snapshot in localization.at(step)]
        rows = np.stack([_known_mean(mass.per_parameter()) for mass in masses])
        with np.errstate(divide="ignore"):
            means = np.exp(np.log(rows).mean(axis=0))
        for number, region in enumerate(masses[0].elements.regions):
            if masses[0].elements.sizes[number].any():
                found.setdefault(region, []).append(float(means[number]))
    return found


def _known_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = values[~np.isnan(values).all(axis=1)]
    return np.asarray(known.mean(axis=0)) if len(known) else values[0]


def _curve(
    ax: Axes,
    steps: Sequence[int],
    values: Sequence[Estimate],
    colour: str,
    label: str,
    band: bool = True,
) -> None:
    ax.plot(steps, [v.value for v in values], color=colour, label=label, **_line(steps))
    if band:
        ends = ([v.low for v in values], [v.high for v in values])
        ax.fill_between(steps, *ends, color=colour, alpha=0.15, linewidth=0)


def _line(steps: Sequence[int]) -> dict[str, Any]:
    return {"linewidth": 1.6} | ({"marker": "o", "ms": 3.5} if len(steps) < 16 else {})


def matrices_figure(matrices: Mapping[str, AblationMatrix], title: str) -> Figure:
    """Ablation × metric for several agents side by side, coloured by the change.

    Args:
        matrices: By what stands above each; the same metrics in all.
        title: One line above.
    """
    metrics = list(next(iter(matrices.values())).metrics)
    rows = max(len(matrix.rows) for matrix in matrices.values())
    width = 1.9 + (0.85 * len(metrics) + 0.4) * len(matrices) + 1.3 * (len(matrices) - 1)
    figure = Figure(figsize=(width, 1.6 + 0.36 * rows), layout="constrained")
    axes = figure.subplots(1, len(matrices), squeeze=False)[0]
    for ax, (name, matrix) in zip(axes, matrices.items(), strict=True):
        values = np.array([[r.metrics[m].value for m in metrics] for r in matrix.rows])
        changes = np.array([[r.change[m].value for m in metrics] for r in matrix.rows])
        scale = np.where(_bounded(matrix, metrics), 1.0, np.abs(values).max(axis=0).clip(1e-9))
        names = [_row_name(row.name) for row in matrix.rows]
        _heat(
            ax,
            changes / scale,
            names,
            metrics,
            colours="PuOr",
            limits=(-0.6, 0.6),
            text=values,
        )
        ax.set_title(name, fontsize=10)
    figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def _bounded(matrix: AblationMatrix, metrics: Sequence[str]) -> list[bool]:
    """Which metrics are shares; changes of others are coloured relative to their largest value."""
    return [all(0 <= row.metrics[m].value <= 1 for row in matrix.rows) for m in metrics]


def _row_name(name: str) -> str:
    return "whole network" if name == "none" else f"without {name.replace(':', ', size of ')}"


def _heat(
    ax: Axes,
    values: NDArray[np.float64],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    colours: str,
    limits: tuple[float, float],
    text: NDArray[np.float64] | None = None,
    shown: Callable[[float], str] = _share,
) -> None:
    """Coloured cells with numbers: the values, or others given as `text`."""
    image = ax.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1], aspect="auto")
    for (row, column), number in np.ndenumerate(values if text is None else text):
        if np.isnan(number):
            continue
        red, green, blue, _ = image.cmap(image.norm(values[row, column]))
        light = 0.3 * red + 0.59 * green + 0.11 * blue > 0.55
        label = shown(float(number))
        ax.text(
            column, row, label, ha="center", va="center", fontsize=9, color=_INK if light else "w"
        )
    ax.set_xticks(range(len(columns)), columns, fontsize=8.5)
    ax.set_yticks(range(len(rows)), rows, fontsize=8.5)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
