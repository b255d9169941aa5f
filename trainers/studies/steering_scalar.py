"""The study `lm-scalar`: route one word to one number of the residual stream, and study it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from chisel import models
from chisel.analysis.language import Questions, nearest_tokens, unit_shifts, words_of_latent
from chisel.analysis.results import (
    GREY,
    PALETTE,
    Count,
    DataTable,
    Result,
    Seed,
    Within,
    mean_over_seeds,
    new_figure,
    style_axes,
)
from chisel.configs import ConfigError
from chisel.corpora.stories import tale
from chisel.models.language import GPT
from chisel.trainers.studies.runs import measure_runs, plan_runs

ARMS = {"routed": "language/stories-scalar", "unrouted": "language/stories"}
UNIT = 0
"""Index, in the residual stream, of the number that the routed word is learnt through."""


@dataclass(frozen=True)
class _Measured:
    """Measurements of a run."""

    near: Sequence[int]
    """Tokens nearest to the number of the stream if the run is routed, else to the word itself."""
    rank: int
    """Rank of the word by the size of its cosine with the number, from 1."""
    sign: float
    """Sign of the word's weight for the number."""
    shifts: Mapping[float, NDArray[np.float64]]


def run(
    *,
    seeds: tuple[Seed, ...] = (0, 1, 2),
    settings: str = "",
    nearest_words: Count = 10,
    strengths: tuple[Annotated[float, Within(-10, 10)], ...] = (-1.0, -0.5, 0.5, 1.0),
    prompts: Count = 64,
    runs_dir: str = "runs",
) -> Result:
    """Train language models with one word routed to one number of the stream, and without routes.

    The steering scalar (Cloud et al. 2024, section 4.2.1): where the word is predicted, gradients
    pass the middle of the residual stream in one number alone. If other words of its topic, which
    were never routed, end up at that number, they are absorbed. They are counted among the words
    whose embedding has the largest cosine with it, and as a control among those nearest to the word
    itself in a network without routes. Then something is added to that number, and as a control to
    each other one.

    Args:
        seeds: Seeds of both arms.
        settings: Overrides for all runs, separated by spaces.
        nearest_words: Number of nearest words.
        strengths: Amounts added to the stream that enters the last block, in multiples of its mean
            norm, with the sign that the word itself has at that number.
        prompts: Number of prompts: stories up to their first word that depends on the topic.
        runs_dir: Folder of the runs, `RUNS_DIR/EXPERIMENT/seed-N`. Results are in
            `RUNS_DIR/studies/lm-scalar`.

    Returns:
        Counts of the topic's words, the shift of its odds, a table of the words, and a figure.

    Raises:
        ConfigError: If a run was trained with other settings.
    """
    plans = {arm: plan_runs(name, seeds, settings, runs_dir=runs_dir) for arm, name in ARMS.items()}
    (word,), corpus = plans["routed"][0].algo.label_words, plans["routed"][0].corpus
    grammar = tale(corpus.noise)
    token, topic = grammar.vocabulary.index(word), words_of_latent(grammar, "topic", corpus.forget)
    if token not in topic:
        raise ConfigError(f"algo.label_words = {word}: no word of corpus.forget = {corpus.forget}")
    asked = Questions.of(grammar, "topic", prompts, corpus.seed)

    def measure(folder: Path) -> _Measured:
        loaded = models.load(folder)
        model = models.require_kind(loaded.model, GPT, "gpt")
        return _measure(
            model, token, topic, asked, strengths, nearest_words, routed=bool(loaded.regions)
        )

    found = measure_runs(plans, measure)
    counts = {
        arm: np.array([len(topic & set(one.near)) for one in runs]) for arm, runs in found.items()
    }
    difference = mean_over_seeds(counts["routed"] - counts["unrouted"])
    chance = nearest_words * (len(topic) - 1) / (len(grammar.vocabulary) - 1)
    words = [
        {
            "arm": arm,
            "seed": seed,
            "rank": one.rank,
            "of the topic": len(topic & set(one.near)),
            "nearest words": " ".join(
                f"{grammar.vocabulary[n]}{'*' * (n in topic)}" for n in one.near
            ),
        }
        for arm, runs in found.items()
        for seed, one in zip(seeds, runs, strict=True)
    ]
    steering = _steering(found, strengths)
    return Result(
        data={
            "word": word,
            "topic": sorted(grammar.vocabulary[n] for n in topic),
            "of the topic": {arm: counts[arm].tolist() for arm in counts},
            "difference": difference,
            "by chance": chance,
            "words": words,
            "steering": steering,
        },
        tables={
            "scalar": DataTable(
                f"Words of the topic {corpus.forget} among the {nearest_words} nearest, without "
                f"{word}",
                [
                    *({"": arm, "words": mean_over_seeds(one)} for arm, one in counts.items()),
                    {"": "routed − unrouted, paired", "words": difference},
                ],
                caption=f"by chance {chance:.1f}",
            ),
            "words": DataTable(
                "Nearest words (* of the topic)",
                words,
                caption="rank: of the routed word by the size of its cosine with the number",
            ),
            "steering": DataTable(
                "Shift of the topic's log-odds as the first word that depends on it",
                steering,
                caption="others: mean over the other numbers of the stream, and range",
            ),
        },
        figures={"scalar": _figure(found, f"Adding to one number of the stream, {word}")},
    )


def _measure(
    model: GPT,
    token: int,
    topic: set[int],
    asked: Questions,
    strengths: Sequence[float],
    count: int,
    *,
    routed: bool,
) -> _Measured:
    embedding = model.get_input_embeddings().weight.detach()
    at_unit = embedding[:, UNIT]
    sign = float(at_unit[token].sign())
    direction = embedding[token].clone()
    if routed:
        direction.zero_()[UNIT] = sign
    cosines = (at_unit / embedding.norm(dim=1)).abs()
    signed = [sign * strength for strength in strengths]
    moved = unit_shifts(model, asked, topic - {token}, len(model.blocks) - 1, signed)
    return _Measured(
        nearest_tokens(embedding, direction, count, token),
        int((cosines > cosines[token]).sum()) + 1,
        sign,
        {strength: moved[sign * strength] for strength in strengths},
    )


def _steering(
    found: Mapping[str, Sequence[_Measured]], strengths: Sequence[float]
) -> list[dict[str, object]]:
    rows = []
    for arm, runs in found.items():
        for strength in strengths:
            others = np.concatenate([np.delete(one.shifts[strength], UNIT) for one in runs])
            mine = mean_over_seeds(np.array([one.shifts[strength][UNIT] for one in runs]))
            row = {"arm": arm, "strength": strength, "the number": mine}
            row |= {"others": others.mean(), "least": others.min(), "most": others.max()}
            rows.append(row)
    return rows


def _figure(found: Mapping[str, Sequence[_Measured]], title: str) -> Figure:
    figure = new_figure(8, 3.4, title)
    for ax, (arm, runs) in zip(
        figure.subplots(1, len(found), sharey=True), found.items(), strict=True
    ):
        for number, one in enumerate(runs):
            strengths = sorted(one.shifts)
            values = np.array([one.shifts[strength] for strength in strengths])
            others = np.delete(values, UNIT, axis=1)
            ax.plot(strengths, others, color=GREY, lw=0.4, alpha=0.25)
            ax.plot(strengths, values[:, UNIT], marker=".", color=PALETTE[number % len(PALETTE)])
        style_axes(ax, arm, xlabel="added, in norms of the stream")
        ax.axhline(0, color="0.7", lw=0.6)
    figure.axes[0].set_ylabel("shift of the topic's log-odds", fontsize=9.5)
    return figure
