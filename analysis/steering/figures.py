"""Draw the effect of a steering vector over its coefficient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from chisel.analysis.results import (
    GREY,
    PALETTE,
    Estimate,
    explain,
    new_row,
    plot_estimates,
    shared_legend,
    style_axes,
)

_KIND_COLOURS = {"vector": PALETTE[1], "random": GREY, "shuffled": PALETTE[5]}


def curves_figure(
    panels: Mapping[str, Mapping[str, Sequence[Estimate]]],
    coeffs: Sequence[float],
    title: str,
    ylabel: str = "",
    *,
    over: str,
    whole: bool = True,
) -> Figure:
    """Draw means with 95 % bands over coefficients.

    Args:
        panels: Estimates for each coefficient, by the panel's title and the kind of vector
            (`vector`, `random`, `shuffled`).
        coeffs: Coefficients, ascending.
        title: Title of the figure.
        ylabel: Label of the vertical axis.
        over: Units of the intervals, in words.
        whole: Whether the vertical axis shows all of 0…1, so that figures can be compared;
            otherwise it ends just above the highest band.
    """
    figure, axes = new_row(len(panels), 3.3 * len(panels) + 0.6, 3.3, title, sharey=True)
    for ax, (name, curves) in zip(axes, panels.items(), strict=True):
        for kind, estimates in curves.items():
            plot_estimates(ax, coeffs, estimates, _KIND_COLOURS[kind], kind)
        style_axes(ax, name, xlabel="coefficient")
    highest = max(e.high for curves in panels.values() for es in curves.values() for e in es)
    top = 1.0 if whole or not highest > 0 else 1.15 * highest
    axes[0].set(ylim=(-0.02 * top, 1.02 * top), ylabel=ylabel)
    shared_legend(figure, axes[0], ncols=3)
    explain(figure, f"bands: 95 % intervals over {over}")
    return figure
