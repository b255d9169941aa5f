"""The study `residual-norms`: measure how the residual stream's norm grows with depth."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from chisel.analysis.language import (
    Norms,
    Stream,
    fitted_layers,
    growth,
    load_subject,
    measure_norms,
)
from chisel.analysis.results import (
    GREY,
    PALETTE,
    Count,
    DataTable,
    Estimate,
    Result,
    Seed,
    Within,
    bootstrap_mean,
    new_row,
    plot_estimates,
    style_axes,
)
from chisel.configs import ConfigError

Layer = Annotated[int, Within(0)]


def run(
    model: str,
    *,
    texts: str | None = None,
    count: Count | None = None,
    length: Annotated[int, Within(4)] = 64,
    first: Layer | None = None,
    last: Layer | None = None,
    seed: Seed = 0,
) -> Result:
    """Measure the norm of the residual stream before each block, and fit its growth.

    It follows Heimersheim and Turner (2023). Mean norms are over tokens without padding and without
    position 0, which is shown separately; the growth is given with it, too. Besides, there are the
    norms of the outputs that attention and MLP add; the bound on growth that follows, (|attn| +
    |mlp|) / |x|; and the norms of the weights that write them. In networks with LayerNorm, the mean
    over units is subtracted.

    Args:
        model: A language model (a folder as Hugging Face writes it, a .gguf file, smollm2, or a run
            of `algo.name: language`), or an Impala agent (a run, a checkpoint, a shipped folder).
        texts: For language models, a text file with paragraphs between empty lines, or a folder
            of such files; left out, test stories for a network that learnt stories, else texts
            that are part of Chisel.
        count: Number of texts, or of an agent's states; left out, 6 texts or 200 states.
        length: Number of tokens of each text.
        first: First layer of the fit; left out, the first sixth of the blocks is skipped.
        last: Last layer of the fit; left out, the last two blocks are skipped, from ten blocks on.
        seed: Seed of an agent's states.

    Returns:
        Norms by layer, and the growth per layer with its interval over texts or states.

    Raises:
        ConfigError: If an option does not fit the model.
        CheckpointError: If the model cannot be loaded.
    """
    subject = load_subject(model, texts=texts, count=count, length=length, seed=seed)
    rows: list[dict[str, Any]] = []
    fits: list[dict[str, Any]] = []
    panels: dict[str, tuple[list[Estimate], list[Estimate], tuple[int, int]]] = {}
    for stream in subject.streams:
        norms = measure_norms(subject.model, stream, subject.run, subject.positions)
        of_stream = _rows(stream, norms)
        rows += of_stream
        ends = _ends(len(stream), first, last)
        fits.append(_fit(stream, norms, *ends))
        panels[stream.name or subject.name] = (
            [row["norm"] for row in of_stream],
            [row["position 0"] for row in of_stream] if subject.positions is not None else [],
            ends,
        )
    over = f"95 % intervals over {subject.examples} {subject.examples_are}"
    return Result(
        {"model": subject.name, "sha256": subject.digest, "fits": fits, "layers": rows},
        {
            "growth": DataTable(
                f"Growth of the norm per layer, {subject.name}", fits, form=".3f", spread=over
            ),
            "layers": DataTable(
                f"The residual stream by layer, {subject.name}", rows, form=".3g", spread=over
            ),
        },
        {"residual-norms": _figure(panels, subject.name)},
    )


def _ends(depth: int, first: int | None, last: int | None) -> tuple[int, int]:
    """Return the first and the last layer of the fit."""
    usual = fitted_layers(depth)
    start = usual[0] if first is None else first
    end = usual[1] if last is None else last
    if not start < end <= depth:
        raise ConfigError(f"first={start} last={end}: the fit needs two layers of 0…{depth}")
    return start, end


def _mean(values: Tensor) -> Estimate:
    return bootstrap_mean(values.numpy(), np.random.default_rng(0))


def _rows(stream: Stream, norms: Norms) -> list[dict[str, Any]]:
    rows = []
    for layer in range(len(stream) + 1):
        row: dict[str, Any] = {"stream": stream.name} if stream.name else {}
        row |= {"layer": layer, "norm": _mean(norms.stream[layer])}
        if not norms.first.isnan().any():
            row["position 0"] = _mean(norms.first[layer])
        if layer < len(stream):
            row["next ×"] = float((norms.stream[layer + 1] / norms.stream[layer]).mean())
            names = ("attn", "mlp") if len(stream.added[layer]) == 2 else ("branch",)
            added = norms.added[layer].mean(1)
            row |= {f"|{name}|": float(a) for name, a in zip(names, added, strict=True)}
            row["bound ×"] = 1 + float((norms.added[layer].sum(0) / norms.stream[layer]).mean())
            weights = norms.weights[layer]
            row |= {f"W {name}": float(w) for name, w in zip(names, weights, strict=True)}
        rows.append(row)
    return rows


def _fit(stream: Stream, norms: Norms, first: int, last: int) -> dict[str, Any]:
    rates, _ = growth(norms.stream, first, last)
    mean_rate, explained = growth(norms.stream.mean(1, keepdim=True), first, last)
    third = max((last - first) // 3, 1)
    ends = [
        float((norms.stream[b].mean() / norms.stream[a].mean()) ** (1 / third))
        for a, b in ((first, first + third), (last - third, last))
    ]
    row: dict[str, Any] = {"stream": stream.name} if stream.name else {}
    row |= {"layers": f"{first}-{last}", "growth": _mean(rates)}
    if not norms.first.isnan().any():
        row["with position 0"] = _mean(growth(norms.every, first, last)[0])
    return row | {
        "growth of the mean": float(mean_rate),
        "R²": float(explained),
        "first third": ends[0],
        "last third": ends[1],
    }


def _figure(
    panels: dict[str, tuple[list[Estimate], list[Estimate], tuple[int, int]]], title: str
) -> Figure:
    figure, axes = new_row(
        len(panels), 4.2 * len(panels) + 0.4, 3.4, f"Norm of the residual stream, {title}"
    )
    for ax, (name, (mean, at_first, (first, last))) in zip(axes, panels.items(), strict=True):
        plot_estimates(ax, range(len(mean)), mean, PALETTE[0], "mean")
        if at_first:
            plot_estimates(ax, range(len(mean)), at_first, GREY, "position 0")
        ax.axvspan(first, last, color=PALETTE[3], alpha=0.12, linewidth=0, label="fitted")
        ax.set_yscale("log")
        style_axes(ax, name if len(panels) > 1 else "", xlabel="blocks passed", ylabel="norm")
    axes[0].legend(fontsize=8, frameon=False)
    return figure
