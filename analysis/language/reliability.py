"""Tabulate the shares of draws of contrast pairs whose vector passes the gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chisel.analysis.language.gates import Gates, Moved
from chisel.analysis.results import (
    GREY,
    PALETTE,
    DataTable,
    Estimate,
    bootstrap_mean,
    explain,
    mean_over_seeds,
    new_row,
    proportion,
    shared_legend,
    style_axes,
)

_GATES = ("control", "fluency", "sign", "all")
_MARKERS = "osD^vXP*"
_FEW = 5
"""Number of networks below which each of them is shown in the figure."""


@dataclass(frozen=True)
class DrawScore:
    """One method on one draw of contrast pairs in one network."""

    method: str
    pairs: int
    agreement: float
    angle: float
    """Angle that follows from the agreement, in degrees; see `confound_angle`."""
    noise: float
    draw: int
    strength: float
    """Strength that was chosen on other prompts, in mean norms of the stream."""
    moved: Moved
    reverse: Moved
    random: float
    """Largest shift of a random direction of that strength."""
    cosine: float
    """Cosine with the difference of many pairs without confound and noise."""
    gates: Gates


Found = Mapping[str, Sequence[DrawScore]]
"""All draws of each network, by the network's name."""

BY: Mapping[str, Callable[[DrawScore], float]] = {
    "pairs": lambda one: one.pairs,
    "angle": lambda one: one.angle,
    "noise": lambda one: one.noise,
}
"""Variables by which shares are tabulated, and their value for a draw."""


def gates_table(found: Found, by: str, concept: str, chance: float) -> DataTable:
    """Make the table of shares by method and one variable of `BY`, over all values of the others.

    Args:
        found: The draws.
        by: Name of the variable.
        concept: Name of the concept.
        chance: Share of random directions that pass the control gate.
    """
    rows = [_row(found, by, *key) for key in _keys(found, by)]
    spread = f"95 % intervals over {len(found)} networks (Student's t)"
    if len(found) == 1:
        spread = "95 % intervals over draws (Wilson; cosine and S: bootstrap); one network, n = 1"
    planted = [name for name in BY if name != by]
    return DataTable(
        f"Share of draws that pass each gate for {concept}, by {by}",
        rows,
        f"over all values of {planted[0]} and {planted[1]}; angle: planted, in degrees; cosine: "
        "with the difference of many pairs without confound and noise; S: 1 is p*, 0 no steering; "
        f"a random direction passes the control gate in {chance:.3f} of all draws",
        form={"angle": ".1f"},
        spread=spread,
    )


def _keys(found: Found, by: str) -> list[tuple[str, float]]:
    every = [one for some in found.values() for one in some]
    methods = dict.fromkeys(one.method for one in every)
    levels = sorted({BY[by](one) for one in every})
    return [(method, level) for method in methods for level in levels]


def _row(found: Found, by: str, method: str, level: float) -> dict[str, Any]:
    chosen = [
        [one for one in some if one.method == method and BY[by](one) == level]
        for some in found.values()
    ]
    row: dict[str, Any] = {"method": method, by: level}
    if by == "angle":
        row["agreement"] = chosen[0][0].agreement
    row["draws"] = sum(map(len, chosen))
    for gate in _GATES:
        row[gate] = _share([[getattr(one.gates, gate) for one in some] for some in chosen])
    row["cosine"] = _mean([[one.cosine for one in some] for some in chosen])
    row["S"] = _mean([[one.moved.share for one in some] for some in chosen])
    return row


def _share(passed: Sequence[Sequence[bool]]) -> Estimate:
    """Return the share that passes: over networks, or of one network over its draws."""
    if len(passed) == 1:
        return proportion(sum(passed[0]), len(passed[0]))
    return mean_over_seeds([np.mean(some) for some in passed], within=(0, 1))


def _mean(values: Sequence[Sequence[float]]) -> Estimate:
    """Return a mean: over networks, or of one network over its draws."""
    if len(values) == 1:
        return bootstrap_mean(values[0], np.random.default_rng(0))
    return mean_over_seeds([np.mean(some) for some in values])


def scores_frame(found: Found) -> pd.DataFrame:
    """Return one row for each network, draw and method, with all measurements."""
    rows = []
    for name, some in found.items():
        for one in some:
            row = asdict(one)
            moved, reverse, gates = one.moved, one.reverse, row.pop("gates")
            row |= {"moved": moved.shift, "reverse": reverse.shift, "S": moved.share}
            row |= {"elsewhere": moved.elsewhere, **gates, "all": one.gates.all}
            rows.append({"network": name} | row)
    return pd.DataFrame(rows)


def gates_figure(found: Found, title: str) -> Figure:
    """Draw the share of draws that pass all gates by pairs, angle and noise, for each method.

    If there are fewer than five networks, each is a small dot.
    """
    figure, axes = new_row(len(BY), 10.5, 3.9, title, sharey=True)
    labels = {"pairs": "pairs", "angle": "planted angle, degrees", "noise": "exchanged pairs"}
    for ax, by in zip(axes, BY, strict=True):
        _panel(ax, found, by)
        style_axes(ax, xlabel=labels[by], grid="y")
    axes[0].set_ylim(-0.04, 1.04)
    axes[0].set_ylabel("share that passes all gates", fontsize=9.5)
    methods = {one.method for some in found.values() for one in some}
    shared_legend(figure, axes[0], ncols=len(methods), frameon=None)
    over = f"{len(found)} networks" if len(found) > 1 else "draws; one network, n = 1"
    explain(figure, f"mean and 95 % interval over {over}")
    return figure


def _panel(ax: Axes, found: Found, by: str) -> None:
    """Draw points with intervals, side by side at each level."""
    keys = _keys(found, by)
    methods, levels = (list(dict.fromkeys(some)) for some in zip(*keys, strict=True))
    for number, method in enumerate(methods):
        colour = GREY if method == methods[-1] else PALETTE[number]
        rows = [_row(found, by, method, level) for level in levels]
        shares = [row["all"] for row in rows]
        places = np.arange(len(levels)) + (number - (len(methods) - 1) / 2) * 0.8 / len(methods)
        value, low, high = np.transpose([(one.value, one.low, one.high) for one in shares])
        ends = np.stack([value - low, high - value])
        line = {"color": colour, "fmt": _MARKERS[number], "label": method}
        ax.errorbar(places, value, yerr=ends, markersize=5, linewidth=1, **line)
        if 1 < len(found) < _FEW:
            for name in found:
                lone = [_row({name: found[name]}, by, method, level)["all"] for level in levels]
                ax.plot(places, [one.value for one in lone], ".", color=colour, markersize=3)
    ax.set_xticks(range(len(levels)), [f"{level:.3g}" for level in levels])
