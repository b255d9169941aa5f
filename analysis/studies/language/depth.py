"""The study `lm-depth`: measure layer horizon and growth of the norm by a network's depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from matplotlib.figure import Figure

from chisel.analysis.interventions import intervene
from chisel.analysis.language import (
    Subject,
    fitted_layers,
    forget,
    growth,
    horizon,
    measure_norms,
    older_parts,
    subject_of_run,
)
from chisel.analysis.results import (
    GREY,
    PALETTE,
    Count,
    DataTable,
    Networks,
    ProgressCallback,
    Result,
    Within,
    labelled,
    mean_over_seeds,
    new_row,
    style_axes,
)

_MEASURES = ("loss", "growth", "last / first", "horizon", "horizon, final read")
_HORIZONS = _MEASURES[3:]


def run(
    checkpoint: tuple[Networks, ...],
    *,
    count: Count = 20,
    length: Annotated[int, Within(4)] = 64,
    near: Annotated[float, Within(0)] = 0.1,
    progress: ProgressCallback,
) -> Result:
    """Measure layer horizon and growth of the norm in networks that learnt stories.

    Growth is measured as in `residual-norms`, and the horizon as in `layer-horizon`: reads see the
    output of the last k blocks, and the mean in place of the older part of the stream. The horizon
    is the smallest k from which on the loss rises by at most `near`. It is measured for all reads
    and for the final read alone. If k is one more than the number of blocks, reads see everything.
    Networks of the same depth count as its seeds.

    Args:
        checkpoint: Runs of `language/stories`, checkpoints or folders of seeds.
        count: Number of test stories.
        length: Number of tokens of each story.
        near: Largest rise of the loss that is allowed, nats per token.
        progress: Shows how many values of k are done.

    Returns:
        Loss, growth and horizons of each network and, over networks, of each depth; and a figure.

    Raises:
        ConfigError: If there are too few stories of that length.
        CheckpointError: If a network is no language model.
    """
    rows: list[dict[str, Any]] = []
    for group in checkpoint:
        for loaded, name in zip(group, group.names, strict=True):
            label = str(Path(group.path) / name)
            subject = subject_of_run(label, loaded, count=count, length=length)
            rows.append({"network": label} | _measures(subject, near, labelled(progress, label)))
    depths = sorted({row["layers"] for row in rows})
    by_depth = [_mean_row([row for row in rows if row["layers"] == depth]) for depth in depths]
    caption = (
        f"loss: nats per token; growth per layer; horizon: smallest k within {near:g} nats of it"
    )
    return Result(
        {"by_depth": by_depth, "networks": rows},
        {
            "by-depth": DataTable(
                "Horizon and growth by depth",
                by_depth,
                caption,
                form=".3g",
                spread="95 % intervals over seeds (Student's t)",
            ),
            "networks": DataTable("Each network", rows, caption, form=".3g"),
        },
        {"lm-depth": _figure(rows)},
    )


def _measures(subject: Subject, near: float, progress: ProgressCallback) -> dict[str, Any]:
    (stream,) = subject.streams
    depth, base = len(stream), float(subject.damage().mean())
    norms = measure_norms(subject.model, stream, subject.run, subject.positions)
    mean = norms.stream.mean(1, keepdim=True)
    rate, _ = growth(mean, *fitted_layers(depth))
    parts = older_parts(subject.model, stream, subject.run, subject.positions)
    found: dict[str, Any] = {"layers": depth, "loss": base, "growth": float(rate)}
    found["last / first"] = float(mean[-1] / mean[0])
    for name, readers in zip(_HORIZONS, (range(1, depth + 1), [depth]), strict=True):
        losses = {depth + 1: base}
        for k in range(1, depth + 1):
            with intervene(subject.model, forget(stream, k, readers, parts)):
                losses[k] = float(subject.damage().mean())
            progress(name, k, depth)
        found[name] = horizon(losses, base + near)
    return found


def _mean_row(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    means = {name: mean_over_seeds([row[name] for row in rows]) for name in _MEASURES}
    return {"layers": rows[0]["layers"], "seeds": len(rows), **means}


def _figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    figure, (left, right) = new_row(2, 8.6, 3.6, "Layer horizon, depth and growth of the norm")
    layers = np.array([row["layers"] for row in rows])
    for name, colour in zip(_HORIZONS, PALETTE, strict=False):
        found = np.array([row[name] for row in rows])
        left.plot(layers, found, "o", color=colour, alpha=0.6, label=name)
        right.plot([row["growth"] for row in rows], found / layers, "o", color=colour, alpha=0.6)
    left.plot([0, layers.max()], [0, layers.max()], color=GREY, linewidth=0.8, label="all blocks")
    style_axes(left, xlabel="blocks", ylabel="k, layers back")
    left.legend(fontsize=8, frameon=False)
    style_axes(right, xlabel="growth of the norm per layer", ylabel="horizon / blocks")
    return figure
