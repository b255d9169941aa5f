"""Pictures of figure 1's POWER over the discount, and of what its orbits prefer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chisel import impact
from chisel.analysis.gridworlds.power_orbits import ClosedForm, OrbitCount
from chisel.impact import examples

_COLOURS = {
    "★": "#14141f",
    "r▷": "#1f77b4",
    "ℓ◁": "#d1495b",
    "ℓ↖": "#edae49",
    "∅": "#7a7a85",
}
_APART = {"ℓ◁": 0.006, "ℓ↖": -0.006}
"""Their curves end in the same point."""
_MORE, _LESS, _EQUAL = "#1f77b4", "#d1495b", "#dcdce2"


def orbits_figure(forms: Sequence[ClosedForm], counts: Sequence[OrbitCount]) -> Figure:
    """Left POWER by state over γ, dots where a closed form is known; right every orbit counted."""
    figure = Figure(figsize=(11, 0.9 + 0.27 * len(counts)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    _curves(left, forms)
    _bars(right, counts)
    return figure


def _curves(ax: Axes, forms: Sequence[ClosedForm]) -> None:
    gammas = np.linspace(0, 1, 26)
    states = [examples.FIGURE_1_STATES.index(name) for name in _COLOURS]
    power = np.array([impact.exact_power(examples.figure_1(), g, states) for g in gammas])
    for (name, colour), curve in zip(_COLOURS.items(), power.T, strict=True):
        ax.plot(gammas, curve, color=colour, lw=1.6)
        place = curve[-1] + _APART.get(name, 0.0)
        ax.text(1.03, place, name, color=colour, va="center", fontsize=11)
        known = [form for form in forms if form.quantity == f"POWER({name})"]
        ax.plot([f.gamma for f in known], [f.exact for f in known], "o", color=colour, ms=4.5)
    ax.set_xlabel("discount γ", fontsize=9)
    ax.set_title("POWER of the states of figure 1 (dots: closed forms)", fontsize=10)
    ax.tick_params(labelsize=8)
    ax.grid(alpha=0.25, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)


def _bars(ax: Axes, counts: Sequence[OrbitCount]) -> None:
    for place, one in enumerate(counts):
        more, less, of = one.counts
        ax.barh(place, more, color=_MORE, height=0.72)
        ax.barh(place, of - more - less, left=more, color=_EQUAL, height=0.72)
        ax.barh(place, less, left=of - less, color=_LESS, height=0.72)
        proof = f"proven {one.proofs}:1" if one.proofs else "not proven"
        ink = "#14141f" if one.proofs else "#b00020"
        ax.text(1.015 * of, place, proof, va="center", fontsize=7.5, color=ink)
    labels = [f"{one.more} / {one.less}, γ={one.gamma:g}, {one.reward}" for one in counts]
    ax.set_yticks(range(len(counts)), labels, fontsize=7.5)
    ax.set_xlim(0, counts[0].counts.of)
    ax.invert_yaxis()
    ax.axvline(counts[0].counts.of / 2, color="#14141f", lw=0.7, ls=":")
    ax.set_title("permutations that prefer the first (blue), the second (red)", fontsize=10)
    ax.tick_params(axis="x", labelsize=8)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
