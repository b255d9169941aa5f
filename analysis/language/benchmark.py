"""Score steering methods against a known answer, and compare two measures of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy.stats import kendalltau

from chisel.analysis.language.concepts import Nats
from chisel.analysis.results import (
    GREY,
    INK,
    PALETTE,
    DataTable,
    Estimate,
    draw_heat,
    mean_of_known,
    mean_over_seeds,
    new_row,
    plain_axes,
    widened_tail,
)
from chisel.corpora.stories import Verdict

NONE, GRAMMAR = "unsteered", "the grammar"
"""Names of the two ends of the scale: the unsteered model, and samples of p* themselves."""
_DRAWS = 1000
_S, _HARMONIC = "S", "harmonic mean"

Ratio = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Numerators and denominators by prompt, `[N]` each; the ratio is that of their sums."""


@dataclass(frozen=True)
class Steered:
    """One method on one concept, with the factor that was chosen on other prompts."""

    layer: int | None
    factor: float
    excess: Nats
    """Nats above H* by story `[N, 2]`: for words that depend on the concept, and for others."""
    verdicts: Sequence[Verdict]


@dataclass(frozen=True)
class ConceptScores:
    """One concept in one model."""

    concept: str
    carried: float
    """Amount of the concept's latent that the model carries; see `carried`."""
    methods: Mapping[str, Steered]
    """Methods by name, `NONE` and `GRAMMAR` among them. Empty if the model does not carry the
    concept."""

    def ratios(self, method: str) -> dict[str, Ratio]:
        """Return the quantities of a method, each as a ratio of sums over prompts."""
        before, one = self.methods[NONE].excess, self.methods[method]
        saved = before - one.excess
        found: dict[str, Ratio] = {
            _S: (saved[:, 0], before[:, 0]),
            "S, whole text": (saved.sum(1), before.sum(1)),
            "elsewhere": _plain(-saved[:, 1]),
        }
        for name in Verdict._fields:
            found[name] = _plain([getattr(verdict, name) for verdict in one.verdicts])
        return found | {_HARMONIC: _plain([verdict.harmonic_mean for verdict in one.verdicts])}

    def value(self, method: str, name: str) -> float:
        """Return one quantity of a method."""
        above, below = self.ratios(method)[name]
        return float(above.sum() / below.sum())

    @property
    def steering(self) -> list[str]:
        """Return the names of the methods, without the two ends of the scale."""
        return [name for name in self.methods if name not in (NONE, GRAMMAR)]


def _plain(values: ArrayLike) -> Ratio:
    above = np.asarray(values, np.float64)
    return above, np.ones(len(above))


Models = Sequence[Sequence[ConceptScores]]
"""Scores of the concepts that each model carries, by the model's name."""


def method_table(models: Models) -> DataTable:
    """Make the table of methods: means over concepts, with intervals over models or prompts."""
    first = models[0][0]
    rows = [
        {"method": method}
        | {
            name: _estimate([[one.ratios(method)[name] for one in some] for some in models])
            for name in first.ratios(method)
        }
        for method in first.methods
    ]
    spread = f"95 % intervals over {len(models)} models (Student's t)"
    if len(models) == 1:
        spread = "95 % intervals over prompts (bootstrap); one model, n = 1"
    return DataTable(
        "Steering towards p*(text | prompt, concept), mean over concepts",
        rows,
        caption="S: 1 is p*, 0 no steering, negative damage, at the words that depend on the "
        "concept; elsewhere: rise of the loss at all other words, nats per story; concept, "
        "instruction, fluency: 0 to 2, of sampled continuations",
        spread=spread,
    )


def concept_table(models: Models) -> DataTable:
    """Make the table of S by concept and method: means over the models that carry the concept."""
    groups: dict[str, list[ConceptScores]] = {}
    for one in (one for some in models for one in some):
        groups.setdefault(one.concept, []).append(one)
    rows = [
        {"concept": concept, "models": len(some)}
        | {"carried": float(np.mean([one.carried for one in some]))}
        | {
            method: float(np.mean([one.value(method, _S) for one in some]))
            for method in some[0].steering
        }
        for concept, some in groups.items()
    ]
    return DataTable("S by concept", rows, "models: number of those that carry the concept")


def agreement_table(models: Models) -> DataTable:
    """Make the table of the agreement between S and the harmonic mean in ranking methods."""
    # A measure that is equal for all methods gives NaN.
    means = [
        mean_of_known(np.array([_agreement(one) for one in some]).reshape(-1, 2)) for some in models
    ]
    rows = [
        {"measure": name, "mean over concepts": mean_over_seeds([one[column] for one in means])}
        for column, name in enumerate(("Kendall's τ", "share of pairs in the same order"))
    ]
    return DataTable(
        "How alike S and the harmonic mean rank methods",
        rows,
        "of the share, pairs that one of them does not tell apart are left out",
        spread="95 % intervals over models (Student's t)",
    )


def _agreement(one: ConceptScores) -> tuple[float, float]:
    """Return τ-b of the two measures over methods, and the share of pairs in the same order."""
    values = [[one.value(method, name) for method in one.steering] for name in (_S, _HARMONIC)]
    signs = [np.sign(np.subtract.outer(some, some)) for some in np.array(values)]
    product = np.triu(signs[0] * signs[1], 1)
    told = (product != 0).sum()
    share = float((product > 0).sum() / told) if told else math.nan
    return float(kendalltau(*values).statistic), share


def _estimate(models: Sequence[Sequence[Ratio]]) -> Estimate:
    """Return the mean over concepts of a ratio of sums, with its interval.

    For several models the interval is Student's t over their means. For one model it is a bootstrap
    that draws prompts anew within each concept.
    """
    values = [np.mean([a.sum() / b.sum() for a, b in some]) for some in models]
    if len(values) > 1:
        return mean_over_seeds(values)
    generator, drawn = np.random.default_rng(0), []
    for above, below in models[0]:
        weights = generator.multinomial(len(above), np.full(len(above), 1 / len(above)), _DRAWS)
        drawn.append((weights @ above) / (weights @ below))
    least = min(len(above) for above, _ in models[0])
    tail = widened_tail(least) if least > 1 else 0.0
    low, high = np.quantile(np.mean(drawn, axis=0), [tail, 1 - tail])
    return Estimate(float(values[0]), float(low), float(high), least)


def benchmark_frame(models: Mapping[str, Sequence[ConceptScores]]) -> pd.DataFrame:
    """Return a row for each model, concept and method, with chosen layer, factor and all scores."""
    return pd.DataFrame(
        [
            {"model": name, "towards": one.concept, "method": method}
            | {"layer": steered.layer, "factor": steered.factor}
            | {key: one.value(method, key) for key in one.ratios(method)}
            for name, some in models.items()
            for one in some
            for method, steered in one.methods.items()
        ]
    )


def benchmark_figure(models: Models, title: str) -> Figure:
    """Draw S by concept and method, and the harmonic mean over S by method.

    Large dots are means over models, small ones the models.
    """
    table, methods = concept_table(models).rows, models[0][0].steering
    figure, (left, right) = new_row(2, 12.5, 4.6, title, width_ratios=(1.55, 1))
    values = np.array([[row[method] for row in table] for method in methods])
    concepts = [row["concept"] for row in table]
    values = values.round(2) + 0.0  # no minus before a zero
    draw_heat(left, values, methods, concepts, colours="RdBu", limits=(-1, 1), size=7.5)
    left.tick_params(axis="x", labelrotation=40)
    left.set_title("S: 1 is the grammar, 0 unsteered", fontsize=10)
    colours = (GREY, *PALETTE, INK, GREY)
    for method, colour in zip((NONE, *methods, GRAMMAR), colours, strict=False):
        x, y = (
            np.array([np.mean([one.value(method, name) for one in some]) for some in models])
            for name in (_S, _HARMONIC)
        )
        right.plot(x, y, ".", color=colour, markersize=4)
        end = method in (NONE, GRAMMAR)
        right.plot(x.mean(), y.mean(), "*" if end else "o", color=colour, label=method)
    right.axvline(0, color=GREY, linewidth=0.6)
    right.set_xlabel("S", fontsize=9.5)
    right.set_ylabel("harmonic mean of concept, instruction, fluency", fontsize=9.5)
    right.legend(fontsize=8, frameon=False)
    plain_axes(right)
    return figure
