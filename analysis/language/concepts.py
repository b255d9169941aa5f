"""Measure the distance of a steered model from the right answer, which the grammar knows.

A concept is a value of one of the grammar's latents. A prompt consists of the sentences before the
first one that depends on the latent, so it contains nothing about the concept. The right answer is
the grammar's own distribution p*(text | prompt, concept), which is known for every next word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel.analysis.evaluation import Predict
from chisel.corpora.stories import (
    Grammar,
    Stories,
    Verdict,
    first_sentence,
    judge,
    next_words,
    sentence_end,
)

Nats = NDArray[np.float64]


@dataclass(frozen=True)
class ConceptTexts:
    """Stories with the words that depend on a latent, and with prompts that do not depend on it."""

    tokens: Tensor
    """Tokens of the stories `[N, T]`."""
    starts: Tensor
    """Position of the first word after the prompt `[N]`."""
    about: Tensor
    """Whether the next word depends on the latent, bool `[N, T - 1]`."""
    elsewhere: Tensor
    """Whether the next word is another one after the prompt, bool `[N, T - 1]`."""

    @classmethod
    def of(cls, grammar: Grammar, stories: Stories, latent: str) -> ConceptTexts:
        """Find the prompts, and the words that depend on a latent."""
        stops = (stories.tokens == sentence_end(grammar)).cumsum(1)
        starts = 1 + (stops < first_sentence(grammar, latent)).sum(1)
        places = np.arange(1, stories.tokens.shape[1])
        behind = (places >= starts[:, None]) & (places < stories.lengths[:, None])
        about = stories.sources[:, 1:] == grammar.number(latent)
        parts = (stories.tokens, starts, about, behind & ~about)
        return cls(*map(torch.from_numpy, parts))

    def rows(self, chosen: Tensor) -> ConceptTexts:
        """Return some of the texts."""
        parts = (self.tokens, self.starts, self.about, self.elsewhere)
        return ConceptTexts(*(part[chosen] for part in parts))

    @property
    def lasts(self) -> Tensor:
        """Return the position before the last word that depends on the latent `[N]`."""
        return torch.where(self.about, torch.arange(self.about.shape[1]), 0).amax(1)

    @property
    def stories(self) -> list[list[int]]:
        """The tokens of each story, with one `END` at each side."""
        return [row[: row.index(0, 1) + 1] for row in self.tokens.tolist()]


def concept_pairs(
    grammar: Grammar, latent: str, value: str, count: int, generator: np.random.Generator
) -> tuple[ConceptTexts, ConceptTexts]:
    """Draw stories with a concept, and as many with another value that agree in all other latents.

    Args:
        grammar: The grammar.
        latent: Name of the latent.
        value: Value of the latent that is the concept. The stories of the second part have the
            other values, which are equally likely.
        count: Number of pairs.
        generator: Source of the draws.
    """
    values = grammar.latent(latent).values
    sizes = [len(one.values) for one in grammar.latents]
    latents = generator.integers(sizes, size=(count, len(sizes)))
    other = latents.copy()
    latents[:, grammar.number(latent)] = values.index(value)
    away = generator.integers(1, len(values), size=count)
    other[:, grammar.number(latent)] = (values.index(value) + away) % len(values)
    plus, minus = (
        ConceptTexts.of(grammar, grammar.sample(count, generator, some), latent)
        for some in (latents, other)
    )
    return plus, minus


def words_for(grammar: Grammar, latent: str, value: str, count: int = 3) -> list[int]:
    """Return the `count` words that name a concept best: those that the fewest other values have.

    Among equal words, those that come earlier in a story are preferred. Places whose words depend
    on an earlier word are left out.
    """
    number, found = grammar.latent(latent).values.index(value), dict[int, float]()
    for slot in (slot for ways in grammar.sentences for way in ways for slot in way.slots):
        if slot.latent == latent and slot.reads is None:
            shares = slot.table[number, 0] / slot.table[:, 0].sum(0)
            found |= dict(zip(grammar.numbers(slot).tolist(), shares.tolist(), strict=True))
    return sorted(found, key=lambda word: -found[word])[:count]


@dataclass(frozen=True)
class ConceptTarget:
    """Samples of p*(text | prompt, concept), with the exact distribution of every next word."""

    grammar: Grammar
    latent: str
    value: str
    texts: ConceptTexts
    own: Tensor
    """Probability of each next word `[N, T - 1, V]`, given the words so far and the concept."""

    @classmethod
    def of(cls, grammar: Grammar, latent: str, value: str, texts: ConceptTexts) -> ConceptTarget:
        """Compute p* for stories that have the concept."""
        own = next_words(grammar, texts.tokens.numpy(), {latent: value})[:, :-1]
        return cls(grammar, latent, value, texts, torch.from_numpy(own))

    def rows(self, chosen: Tensor) -> ConceptTarget:
        """Return some of the samples."""
        parts = (self.texts.rows(chosen), self.own[chosen])
        return ConceptTarget(self.grammar, self.latent, self.value, *parts)

    def halves(self) -> tuple[ConceptTarget, ConceptTarget]:
        """Split the samples into two parts that have no prompt in common."""
        places = torch.arange(self.texts.tokens.shape[1])
        prompts = torch.where(places < self.texts.starts[:, None], self.texts.tokens, 0)
        _, numbers = np.unique(prompts.numpy(), axis=0, return_inverse=True)
        odd = torch.from_numpy(numbers.reshape(-1) % 2 == 1)
        return self.rows(~odd), self.rows(odd)

    @property
    def entropy(self) -> Nats:
        """Return H* in nats by story, of words that depend on the latent and of others `[N, 2]`."""
        own, parts = torch.special.entr(self.own).sum(2), (self.texts.about, self.texts.elsewhere)
        return torch.stack([(own * part).sum(1) for part in parts], 1).numpy()

    def excess(self, predict: Predict) -> Nats:
        """Return the distance of a model's predictions from p*, in nats by story `[N, 2]`.

        It is the sum of the KL divergences from p* to the predictions (the cross-entropy minus H*):
        over the words that depend on the latent, and over the others. The model reads samples of
        p*. Since p* is exact for every next word, the sampled word itself does not matter.
        """
        kl, parts = self._kl(predict), (self.texts.about, self.texts.elsewhere)
        return torch.stack([(kl * part).sum(1) for part in parts], 1).numpy()

    def learnt_on_the_way(self, predict: Predict) -> float:
        """Return by how much predictions approach p* after the first word for the concept.

        It is the mean KL divergence at the first word that depends on the concept, minus that at
        the later ones, in nats.
        """
        kl, about = self._kl(predict), self.texts.about
        first = about & (about.cumsum(1) == 1)
        return float(kl[first].mean() - kl[about & ~first].mean())

    def read(self, _: Tensor) -> Tensor:
        """Return the logits of an exact reader, who knows the grammar but not the concept."""
        return torch.from_numpy(next_words(self.grammar, self.texts.tokens.numpy())[:, :-1]).log()

    def _kl(self, predict: Predict) -> Tensor:
        """Return the KL divergence from p* to the predictions of each next word `[N, T - 1]`."""
        with torch.no_grad():
            log_q = predict(self.texts.tokens[:, :-1]).double().log_softmax(2)
        cross = -(self.own * log_q).masked_fill(self.own == 0, 0).sum(2)
        return cross + torch.xlogy(self.own, self.own).sum(2)

    def verdicts(self, stories: Sequence[Sequence[int]]) -> list[Verdict]:
        """Judge continued stories, given as their tokens from the first one on."""
        given = first_sentence(self.grammar, self.latent)
        return [judge(self.grammar, one, given, self.latent, self.value) for one in stories]


def carried(targets: Sequence[ConceptTarget], predict: Predict) -> float:
    """Return how much a model infers about a latent from the words so far, beside an exact reader.

    Args:
        targets: One for each value of the latent. Together they cancel a model's preference for one
            of the values.
        predict: The model.

    Returns:
        `ConceptTarget.learnt_on_the_way` of the model, divided by that of the grammar's own
        predictions without knowledge of the concept: 0 if the model infers nothing from the words,
        1 if it infers as much as possible.
    """
    model = sum(one.learnt_on_the_way(predict) for one in targets)
    return model / sum(one.learnt_on_the_way(one.read) for one in targets)


def continued(
    predict: Predict, tokens: Tensor, starts: Tensor, generator: torch.Generator
) -> list[list[int]]:
    """Continue stories word by word, up to token 0 or to T tokens.

    Args:
        predict: The model.
        tokens: Stories `[N, T]`.
        starts: Position of the first word that is replaced `[N]`.
        generator: Source of the draws.

    Returns:
        Tokens of each story from its beginning on.
    """
    ids = torch.where(torch.arange(tokens.shape[1]) < starts[:, None], tokens, 0)
    here, going = starts.clone(), torch.arange(len(tokens))
    with torch.no_grad():
        while len(going):
            read = ids[going, : int(here[going].max())]
            logits = predict(read)[torch.arange(len(going)), here[going] - 1]
            drawn = torch.multinomial(logits.double().softmax(1), 1, generator=generator)[:, 0]
            ids[going, here[going]] = drawn
            here[going] += 1
            going = going[(drawn != 0) & (here[going] < ids.shape[1])]
    return [row[:end].tolist() for row, end in zip(ids, here, strict=True)]
