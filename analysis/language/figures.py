"""Draw the effect of steering by strength, beside random directions, and its cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from chisel.analysis.language.effects import shown_attempts
from chisel.analysis.language.sweep import RANDOM, Tried
from chisel.analysis.results import GREY, LINES, PALE, new_figure, shared_legend, style_axes


def steering_figure(tried: Sequence[Tried], method: str, asked: Tried, title: str) -> Figure:
    """Draw the shift of the score and the rise of the loss over strength, for each layer.

    Args:
        tried: Everything that was tried. A band spans the range of the random directions.
        method: Name of the vectors whose reverse is drawn, too.
        asked: The prompt that asks for the behaviour, drawn as a dotted line.
        title: Title of the figure.
    """
    layers = sorted({one.layer for one in tried})
    figure = new_figure(2.9 * len(layers) + 1.8, 5.4, title)
    axes = figure.subplots(2, len(layers), squeeze=False, sharex=True, sharey="row")
    for column, layer in zip(axes.T, layers, strict=True):
        here = [one for one in tried if one.layer == layer]
        lines = shown_attempts(here, method)
        names = dict.fromkeys(one.vector for one in lines)
        for ax, values in zip(column, (_shift, _loss), strict=True):
            strengths = sorted({one.strength for one in here})
            random = [
                [values(o) for o in here if (o.vector, o.strength) == (RANDOM, s)]
                for s in strengths
            ]
            ax.fill_between(
                strengths,
                np.nanmin(random, axis=1),
                np.nanmax(random, axis=1),
                color=PALE,
                alpha=0.7,
                linewidth=0,
                label=f"{len(random[0])} random directions",
            )
            for line, name in zip(LINES, names, strict=False):
                some = {one.strength: values(one) for one in lines if one.vector == name}
                ax.plot(some.keys(), some.values(), marker=".", label=name, **line)
            ax.axhline(values(asked), color=GREY, linestyle=":", label="a prompt that asks for it")
            ax.axhline(0, color=GREY, linewidth=0.6)
            ax.set_xscale("log", base=2)
            ax.set_xticks(strengths, [f"{one:g}" for one in strengths])
            ax.minorticks_off()
        style_axes(column[0], f"entering block {layer}")
        style_axes(column[1], xlabel="strength")
    axes[0, 0].set_ylabel("shift of the log-odds", fontsize=9.5)
    axes[1, 0].set_ylabel("rise of the loss, nats", fontsize=9.5)
    shared_legend(figure, axes[0, 0], loc="outside right center")
    return figure


def _shift(one: Tried) -> float:
    return one.shift


def _loss(one: Tried) -> float:
    return one.loss_rise
