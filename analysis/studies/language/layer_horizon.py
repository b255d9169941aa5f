"""The study `layer-horizon`: measure how many layers back a network's reads must reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from chisel.analysis.interventions import intervene
from chisel.analysis.language import (
    Stream,
    Subject,
    forget,
    horizon,
    load_subject,
    older_parts,
    only_first,
)
from chisel.analysis.results import (
    LINES,
    Count,
    DataTable,
    Estimate,
    ProgressCallback,
    Result,
    Seed,
    Within,
    bootstrap_mean,
    new_row,
    style_axes,
)
from chisel.configs import ConfigError

Instead = Literal["mean", "zero"]


def run(
    model: str,
    *,
    texts: str | None = None,
    count: Count | None = None,
    length: Annotated[int, Within(4)] = 64,
    ks: tuple[Count, ...] | None = None,
    layers: tuple[Annotated[int, Within(0)], ...] | None = None,
    start: Annotated[int, Within(1)] | None = None,
    instead: tuple[Instead, ...] = ("mean", "zero"),
    near: Annotated[float, Within(0)] = 0.1,
    seed: Seed = 0,
    progress: ProgressCallback,
) -> Result:
    """Hide the output of older layers from the blocks that read it, and measure the damage.

    Turner (2024) asks for the smallest number of layers k that suffices. A read sees the output of
    the last k blocks. The older part of the stream, including the embedding, is replaced by its
    mean over examples or by zero; position 0 of texts keeps its mean. Four kinds of reads are
    limited: all of them, so that errors add up; the final one alone; all from a middle layer on;
    and those of single blocks.

    Args:
        model: A language model (a folder as Hugging Face writes it, a .gguf file, smollm2, or a run
            of `algo.name: language`), or an Impala agent (a run, a checkpoint, a shipped folder).
        texts: For language models, a text file with paragraphs between empty lines, or a folder
            of such files; left out, test stories for a network that learnt stories, else texts
            that are part of Chisel.
        count: Number of texts, or of an agent's states; left out, 6 texts or 200 states.
        length: Number of tokens of each text.
        ks: Numbers of layers back; left out, the powers of two below the depth, and the depth less
            one.
        layers: Blocks each of whose reads is limited alone; left out, those at a quarter, half and
            three quarters of the depth.
        start: Block from which on all reads are limited; left out, half of the depth.
        instead: Replacement of the older part.
        near: Largest allowed rise of the loss; the horizon is the smallest k from which on the rise
            is no larger.
        seed: Seed of an agent's states.
        progress: Shows how many measurements are done.

    Returns:
        The loss by k for each set of reads, and the horizon of each.

    Raises:
        ConfigError: If an option does not fit the model.
        CheckpointError: If the model cannot be loaded.
    """
    subject = load_subject(model, texts=texts, count=count, length=length, seed=seed)
    base = _estimate(subject.damage().numpy())
    rows: list[dict[str, Any]] = []
    for stream in subject.streams:
        back = _numbers(stream, ks)
        readers = _readers(stream, layers, start)
        means = older_parts(subject.model, stream, subject.run, subject.positions)
        parts = {"mean": means, "zero": only_first(means)}
        for how in instead:
            for name, some in readers.items():
                row: dict[str, Any] = {"stream": stream.name} if stream.name else {}
                row |= {"reads": name, "older part": how}
                for k in back:
                    progress(f"{stream.name or 'reads'} {name}, {how}", back.index(k), len(back))
                    with intervene(subject.model, forget(stream, k, some, parts[how])):
                        row[f"k={k}"] = _estimate(subject.damage().numpy())
                losses = {k: row[f"k={k}"].value for k in back}
                row["horizon"] = horizon(losses, base.value + near)
                rows.append(row)
    title = f"{subject.unit} by how far back reads reach, {subject.name}"
    caption = f"without limits {base.text('.3f')}; horizon: smallest k within {near:g} of it"
    over = f"95 % intervals over {subject.examples} {subject.examples_are}"
    plain = [
        {key: cell.value if isinstance(cell, Estimate) else cell for key, cell in row.items()}
        for row in rows
    ]
    return Result(
        {
            "model": subject.name,
            "sha256": subject.digest,
            "unit": subject.unit,
            "base": base,
            "rows": rows,
        },
        {"layer-horizon": DataTable(title, plain, caption)},
        {"layer-horizon": _figure(rows, base.value, subject)},
        frames={"layer-horizon-intervals": DataTable(title, rows, spread=over).frame},
    )


def _numbers(stream: Stream, ks: Sequence[int] | None) -> list[int]:
    depth = len(stream)
    if ks is None:
        powers = [2**n for n in range(depth.bit_length()) if 2**n < depth]
        return sorted({*powers, max(depth - 1, 1), depth})
    if max(ks) > depth:
        raise ConfigError(f"ks: {max(ks)} is more than the {depth} blocks of {stream.name or 'it'}")
    return sorted(ks)


def _readers(
    stream: Stream, layers: Sequence[int] | None, start: int | None
) -> Mapping[str, Sequence[int]]:
    """Return the sets of reads that are limited, by name; the final read has the number L."""
    depth = len(stream)
    middle = max(depth // 2, 1) if start is None else start
    if middle > depth:
        raise ConfigError(f"start={middle}: there are {depth} blocks")
    found: dict[str, Sequence[int]] = {"all": range(1, depth + 1), "final": [depth]}
    if 1 < middle < depth:
        found[f"from block {middle}"] = range(middle, depth + 1)
    quarters = sorted({depth // 4, depth // 2, 3 * depth // 4} - {0}) if layers is None else layers
    for block in quarters:
        if not 0 < block < depth:
            raise ConfigError(f"layers: a block from 1 to {depth - 1}, not {block}")
        found[f"block {block}"] = [block]
    return found


def _estimate(values: Any) -> Estimate:
    return bootstrap_mean(values, np.random.default_rng(0))


def _figure(rows: Sequence[Mapping[str, Any]], base: float, subject: Subject) -> Figure:
    panels: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        name = " ".join(filter(None, [row.get("stream", ""), row["older part"]]))
        panels.setdefault(name, []).append(row)
    title = f"How far back reads must reach, {subject.name}"
    figure, axes = new_row(len(panels), 3.8 * len(panels) + 0.4, 3.6, title, sharey=True)
    for ax, (name, some) in zip(axes, panels.items(), strict=True):
        for line, row in zip(LINES, some, strict=False):
            ks = [int(key[2:]) for key in row if key.startswith("k=")]
            ax.plot(ks, [row[f"k={k}"].value for k in ks], marker=".", label=row["reads"], **line)
        ax.axhline(base, color="#9a9aa5", linewidth=1)
        style_axes(ax, f"older part: {name}", xlabel="k, layers back")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].set_ylabel(subject.unit, fontsize=9.5)
    axes[-1].legend(title="limited reads", fontsize=8, title_fontsize=8, frameon=False)
    return figure
