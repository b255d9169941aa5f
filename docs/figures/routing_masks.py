"""Draw `routing-masks.png`: what each form of routing lets through, from computed gradients.

Run `.venv/bin/python docs/figures/routing_masks.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from torch import Tensor, nn

from chisel import routing
from chisel.analysis.results.figures import save_figure

INPUTS, OUTPUTS = 5, 3
OWNERS = ("cheese", "cheese", "corner", "corner", "shared")
UNITS = {"cheese": "0:2", "corner": "2:4"}
COLOURS = {"cheese": "#e69f00", "corner": "#0072b2", "shared": "#999999"}
DROP = "forward-drop"
FORMS: dict[str, dict[str, Any]] = {
    "activation": {"module": "1"},
    "parameters": {"module": "0", "at": "parameters"},
    "activation\nwith consumers": {"module": "1", "consumers": ["2"]},
    DROP: {"module": "1"},
}
COLUMNS = (
    "weights that\nmake the units",
    "units in the\nforward pass",
    "gradient that\nflows upstream",
    "weights that\nread the units",
)


class Passed(NamedTuple):
    """Which numbers are not zero after one example with the label "cheese"; a row for each unit."""

    rows: NDArray[np.bool_]
    """`[units, inputs]`"""
    values: NDArray[np.bool_]
    """`[units, 1]`"""
    upstream: NDArray[np.bool_]
    """`[units, 1]`"""
    columns: NDArray[np.bool_]
    """`[units, outputs]`"""


def run(part: dict[str, Any], *, drop: bool) -> Passed:
    """Run one example forwards and backwards through a routed network and look at its gradients."""
    torch.manual_seed(0)
    first, last = nn.Linear(INPUTS, len(OWNERS)), nn.Linear(len(OWNERS), OUTPUTS)
    model = nn.Sequential(first, nn.Softplus(), last)
    router = routing.attach(
        model,
        {
            "regions": {name: [part | {"units": units}] for name, units in UNITS.items()},
            "rules": {"cheese": {"corner": 0}},
        },
    )
    kept: dict[str, Tensor] = {}

    def keep_made(module: nn.Module, inputs: Any, output: Tensor) -> None:
        output.retain_grad()  # the masks come behind it, so its gradient has passed them
        kept["made"] = output

    def keep_used(module: nn.Module, inputs: Any, output: Tensor) -> None:
        kept["used"] = output

    with routing.ablate(model, router.regions, {"corner": "zero"} if drop else {}):
        first.register_forward_hook(keep_made)
        model[1].register_forward_hook(keep_used)
        with router.labels(torch.tensor([-1 if drop else 0])):
            torch.autograd.backward(model(torch.randn(1, INPUTS)).sum())
    found = (first.weight.grad, kept["used"].detach().T, kept["made"].grad, last.weight.grad)
    rows, values, made, columns = (torch.as_tensor(one) for one in found)
    return Passed(*(one.ne(0).numpy() for one in (rows, values, made.T, columns.T)))


def draw() -> Figure:
    """Draw a row of panels for each form, and in each panel a line of squares for each unit."""
    figure = Figure(figsize=(7.5, 6.4), layout="constrained")
    figure.suptitle("After one example labelled “cheese”: filled is not zero", fontsize=11)
    grid = figure.subplots(len(FORMS), len(COLUMNS), width_ratios=(INPUTS, 2.5, 2.5, OUTPUTS))
    for line, (form, part) in zip(grid, FORMS.items(), strict=True):
        for axis, filled in zip(line, run(part, drop=form == DROP), strict=True):
            squares(axis, filled)
        line[0].set_ylabel(form, fontsize=10, rotation=0, ha="right", va="center", labelpad=12)
    for axis, title in zip(grid[0], COLUMNS, strict=True):
        axis.set_title(title, fontsize=9)
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour in COLOURS.values()]
    figure.legend(handles, list(COLOURS), loc="outside lower center", ncols=3, frameon=False)
    return figure


def squares(axis: Axes, filled: NDArray[np.bool_]) -> None:
    """Draw a grid whose lines are units, in the colour of their region; filled where not zero."""
    for unit, owner in enumerate(OWNERS):
        for place, full in enumerate(filled[unit]):
            face = COLOURS[owner] if full else "white"
            corner = (place + 0.1, unit + 0.1)
            axis.add_patch(Rectangle(corner, 0.8, 0.8, facecolor=face, edgecolor=COLOURS[owner]))
    axis.set_xlim(0, filled.shape[1])
    axis.set_ylim(len(OWNERS), 0)
    axis.set_aspect("equal")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


if __name__ == "__main__":
    target = Path(__file__).with_name("routing-masks.png")
    save_figure(draw(), target, "docs/figures/routing_masks.py")
