"""The study `steering-benchmark`: compare steering methods with the grammar's own distribution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from chisel.analysis.language import (
    GRAMMAR,
    NONE,
    ConceptScores,
    ConceptTarget,
    ConceptTexts,
    Steered,
    StoryModel,
    add_at_tokens,
    agreement_table,
    benchmark_figure,
    benchmark_frame,
    concept_pairs,
    concept_table,
    continued,
    learnt_stories,
    method_table,
    probe_direction,
    separating_feature,
    words_for,
)
from chisel.analysis.results import (
    Count,
    DataTable,
    Networks,
    ProgressCallback,
    Result,
    Seed,
    Within,
    counted,
)
from chisel.configs import ConfigError, hint
from chisel.corpora.stories import story_generator
from chisel.models import Loaded
from chisel.trainers.studies.learnt_steering import LowRankAdapter, learnt_vector

Layers = tuple[Annotated[int, Within(0)], ...]
Strengths = tuple[Annotated[float, Within(1e-6)], ...]

_OWN_FACTORS = (0.5, 1.0, 1.5)
"""Factors of learnt vectors and adapters, which are not normalised."""
_RANK = 4


class _Candidate(NamedTuple):
    """A method with a layer and a factor."""

    layer: int | None
    factor: float
    predict: Callable[[Tensor], Tensor]
    """Function from tokens to logits."""


@dataclass(frozen=True)
class _Options:
    prompts: int
    pairs: int
    layers: Sequence[int] | None
    strengths: Sequence[float]
    continuations: int
    steps: int
    carries: float
    seed: int


def run(
    checkpoint: Networks,
    *,
    concepts: tuple[str, ...] | None = None,
    prompts: Annotated[int, Within(2)] = 24,
    pairs: Annotated[int, Within(2)] = 128,
    layers: Layers | None = None,
    strengths: Strengths = (0.125, 0.25, 0.5, 1.0),
    continuations: Count = 8,
    steps: Count = 40,
    carries: Annotated[float, Within(-1000, 1)] = 0.25,
    seed: Seed = 0,
    progress: ProgressCallback,
) -> Result:
    """Steer networks that learnt stories towards a concept, whose right continuations are known.

    A concept is a value of the grammar's topic, mood, weather, pace or sound. The aim is the
    grammar's own distribution p*(text | prompt, concept), of which every probability is known. S =
    (CE unsteered − CE steered) / (CE unsteered − H*) at words that depend on the concept, read on
    samples of p*: 1 is p*, 0 nothing, less is damage. Beside it the rise of the loss at all other
    words, where the concept must not matter; and three scores of sampled continuations, 0 to 2 each
    and decided by the grammar: does it hold the concept, does it keep to the prompt, is it
    grammatical; with their harmonic mean (AxBench, Wu et al. 2025).

    Methods: prompt (words for the concept in place of the story's first three), random (one
    direction), means (over all words of stories with and without the concept), CAA (pairs, at one
    word), one pair, probe (logistic regression, C = 1), SAE (the feature of a sparse autoencoder
    that separates the pairs best, clamped), learnt vector and adapter (of rank 4 at every linear
    layer; gradient descent on the same stories). Layer and factor are those with the largest gain
    over whole texts on half of the prompts; all scores are of the other half.

    Args:
        checkpoint: A run of `language/stories`, a checkpoint, or a folder of seeds.
        concepts: Values such as sea,happy; left out, all 13.
        prompts: Number of prompts that factors are chosen on; about as many are for scores.
        pairs: Number of stories with the concept, and without, that methods learn from.
        layers: Blocks whose input is steered; left out, all but the first.
        strengths: Factors of vectors, and values of the clamped feature, in norms of the stream.
        continuations: Number of prompts that are continued and judged.
        steps: Optimiser steps of the learnt vector, and of the adapter.
        carries: How much of a latent a network must take from a story's earlier words, 1 being
            what an exact reader does; concepts that it carries less are left out.
        seed: Seed of stories, directions, features, minibatches and continuations.
        progress: Shows how many concepts are done.

    Returns:
        Scores by method, S by concept, the agreement of both measures, what was left out, and a
        figure.

    Raises:
        ConfigError: A network did not learn stories, there is no such concept or layer, or no
            concept is carried.
    """
    options = _Options(prompts, pairs, layers, strengths, continuations, steps, carries, seed)

    def measure(loaded: Loaded[nn.Module], progress: ProgressCallback) -> list[ConceptScores]:
        return list(_scores(loaded, concepts, options, progress))

    names = [name or str(checkpoint) for name in checkpoint.names]
    found = dict(zip(names, checkpoint.each(measure), strict=True))
    kept = {name: [one for one in some if one.methods] for name, some in found.items()}
    admitted = [some for some in kept.values() if some]
    if not admitted:
        best = max((one.carried, one.concept) for some in found.values() for one in some)
        raise ConfigError(
            f"carries={carries:g}: no network carries a concept so far; the best is {best[1]} with "
            f"{best[0]:.2f}"
        )
    refused = [
        {"model": name, "concept": one.concept, "carried": one.carried}
        for name, some in found.items()
        for one in some
        if not one.methods
    ]
    tables = {
        "methods": method_table(admitted),
        "concepts": concept_table(admitted),
        "agreement": agreement_table(admitted),
    }
    if refused:
        tables["refused"] = DataTable(
            "Left out", refused, f"concepts that a model carries less than {carries:g}"
        )
    title = f"Steering with a known answer, {checkpoint.title}"
    return Result(
        {name: table.rows for name, table in tables.items()} | {"refused": refused},
        tables,
        {"benchmark": benchmark_figure(admitted, title)},
        frames={"every-score": benchmark_frame(kept)},
    )


def _scores(
    loaded: Loaded[nn.Module],
    concepts: Sequence[str] | None,
    options: _Options,
    progress: ProgressCallback,
) -> Iterator[ConceptScores]:
    """Score each concept in one network."""
    model, grammar = learnt_stories(loaded)
    latents = {value: one.name for one in grammar.latents for value in one.values}
    chosen = list(latents) if concepts is None else concepts
    for value in chosen:
        if value not in latents:
            raise ConfigError(f"concepts={value}: {hint(value, latents)}")
    bench = _Bench(StoryModel(model, grammar, options.layers, options.seed), options)
    for value in counted(chosen, "concepts", progress):
        yield bench.concept(latents[value], value)


class _Bench:
    """One network, and what its concepts share."""

    def __init__(self, network: StoryModel, options: _Options) -> None:
        self.network, self.options = network, options
        self.model, self.grammar = network.model, network.grammar

    def concept(self, latent: str, value: str) -> ConceptScores:
        """Try all methods on one concept, if the network carries it."""
        place = [one for some in self.grammar.latents for one in some.values].index(value)
        options = self.options
        draws = story_generator(options.seed, "benchmark", place)
        if self.network.carried(latent) < options.carries:
            return ConceptScores(value, self.network.carried(latent), {})
        drawn = partial(concept_pairs, self.grammar, latent, value, generator=draws)
        plus, minus = drawn(count=options.pairs)
        samples, _ = drawn(count=2 * options.prompts)
        choose, score = ConceptTarget.of(self.grammar, latent, value, samples).halves()
        found = {NONE: self._steered(score, _Candidate(None, 0, self.model))}
        for name, candidates in self._methods(choose, plus, minus).items():
            found[name] = self._steered(score, _best(choose, candidates))
        own = score.verdicts(score.texts.stories)
        found[GRAMMAR] = Steered(None, 1, np.zeros_like(found[NONE].excess), own)
        return ConceptScores(value, self.network.carried(latent), found)

    def _steered(self, score: ConceptTarget, candidate: _Candidate) -> Steered:
        some = score.rows(torch.arange(len(score.texts.tokens))[: self.options.continuations])
        generator = torch.Generator().manual_seed(self.options.seed)
        written = continued(candidate.predict, some.texts.tokens, some.texts.starts, generator)
        verdicts = some.verdicts(written)
        return Steered(*candidate[:2], score.excess(candidate.predict), verdicts)

    def _methods(
        self, choose: ConceptTarget, plus: ConceptTexts, minus: ConceptTexts
    ) -> Mapping[str, Sequence[_Candidate]]:
        """Return the candidates of each method."""
        words = words_for(self.grammar, choose.latent, choose.value)
        found: dict[str, list[_Candidate]] = {
            "prompt": [
                _Candidate(None, n, partial(self._asked, words[:n]))
                for n in range(1, len(words) + 1)
            ]
        }
        generator = torch.Generator().manual_seed(self.options.seed)
        network = self.network
        streams = zip(
            network.streams(plus.tokens).items(),
            network.streams(minus.tokens).values(),
            strict=True,
        )
        for (layer, with_it), without in streams:
            here, there = (
                some[torch.arange(len(some)), texts.lasts]
                for some, texts in ((with_it, plus), (without, minus))
            )
            vectors = {
                "random": torch.randn(here.shape[1], generator=generator),
                "means": _mean(with_it, plus) - _mean(without, minus),
                "CAA": (here - there).mean(0),
                "one pair": here[0] - there[0],
                "probe": probe_direction(here, there, 1.0),
            }
            for name, vector in vectors.items():
                found.setdefault(name, []).extend(self._added(layer, vector))
            feature = separating_feature(network.features[layer], here, there)
            for strength in self.options.strengths:
                edit = network.clamping(layer, feature, strength)
                predict = partial(network.edited, layer, edit)
                found.setdefault("SAE", []).append(_Candidate(layer, strength, predict))
        best = _best(choose, [*found["means"], *found["CAA"]])
        return found | {"learnt vector": self._learnt(best, plus), "adapter": self._adapted(plus)}

    def _added(self, layer: int, vector: Tensor) -> Iterator[_Candidate]:
        """Yield the candidates that add a vector at each strength."""
        for strength in self.options.strengths:
            edit = self.network.addition(layer, vector, strength)
            yield _Candidate(layer, strength, partial(self.network.edited, layer, edit))

    def _learnt(self, best: _Candidate, plus: ConceptTexts) -> list[_Candidate]:
        """Learn a vector at the layer where a fixed vector is best."""
        assert best.layer is not None
        site, norm = self.network.sites[best.layer], self.network.norms[best.layer]
        options = {"steps": self.options.steps, "seed": self.options.seed}
        width = self.model.config.width
        vector = learnt_vector(self.model, site, plus, width, norm, **options)
        edits = {factor: add_at_tokens(vector, factor) for factor in _OWN_FACTORS}
        return [
            _Candidate(best.layer, factor, partial(self.network.edited, best.layer, edit))
            for factor, edit in edits.items()
        ]

    def _adapted(self, plus: ConceptTexts) -> list[_Candidate]:
        generator = torch.Generator().manual_seed(self.options.seed)
        adapter = LowRankAdapter(self.model, _RANK, generator)
        adapter.fit(plus, steps=self.options.steps, seed=self.options.seed)
        return [
            _Candidate(None, factor, partial(adapter.predict, factor=factor))
            for factor in _OWN_FACTORS
        ]

    def _asked(self, words: Sequence[int], tokens: Tensor) -> Tensor:
        """Return the logits with words in place of the story's first words."""
        asked = tokens.clone()
        asked[:, 1 : 1 + len(words)] = torch.tensor(words)
        logits: Tensor = self.model(asked)
        return logits


def _best(choose: ConceptTarget, candidates: Sequence[_Candidate]) -> _Candidate:
    """Return the candidate with the least loss over whole texts."""
    return min(candidates, key=lambda one: float(choose.excess(one.predict).sum()))


def _mean(stream: Tensor, texts: ConceptTexts) -> Tensor:
    """Return the mean `[units]` of the residual stream over all words after prompts."""
    return stream[texts.about | texts.elsewhere].mean(0)
