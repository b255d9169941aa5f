"""Score the continuation of a story by the grammar: concept, instruction and fluency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chisel.corpora.stories.grammar import Floats, Grammar, Slot, Template

_SURE = 0.9
"""Probability of the concept, given the words of the continuation, from which a story has it."""


class Verdict(NamedTuple):
    """Three scores of a story, each 0, 1 or 2."""

    concept: int
    """2: given the words of the continuation, the probability of the concept is at least 0.9; 1: it
    is lower, but words speak for the concept and do not make it less probable; 0: otherwise."""
    instruction: int
    """2: all words that depend on a word of the prompt (pronouns, names) agree with it; 1: at least
    half of them do; 0: fewer do, or there are none."""
    fluency: int
    """2: every sentence has the form of one of its templates, and the story ends; 1: at least half
    of the sentences have; 0: fewer have."""

    @property
    def harmonic_mean(self) -> float:
        """Return the harmonic mean of the three, 0…2, as in AxBench (Wu et al. 2025)."""
        return 3 / sum(1 / one for one in self) if all(self) else 0.0


def sentence_end(grammar: Grammar) -> int:
    """Return the token that ends every sentence.

    Raises:
        ValueError: If sentences of this grammar do not all end with the same word.
    """
    last = {way.slots[-1].words for ways in grammar.sentences for way in ways}
    if len(last) != 1 or len(only := last.pop()) != 1:
        raise ValueError("sentences of this grammar do not all end with one word, such as a stop")
    return grammar.vocabulary.index(only[0])


def first_sentence(grammar: Grammar, latent: str) -> int:
    """Return the number of the first sentence with a word that depends on a latent."""
    return next(
        number
        for number, ways in enumerate(grammar.sentences)
        if any(slot.latent == latent for way in ways for slot in way.slots)
    )


class _Written(NamedTuple):
    """A word that stands at a place of a template."""

    sentence: int
    slot: Slot
    likelihood: Floats | None
    """Probability of the word by the latent's value `[L]`; None if the earlier word on which it
    depends is missing."""


def judge(grammar: Grammar, words: Sequence[int], given: int, latent: str, value: str) -> Verdict:
    """Judge the continuation of a story.

    Args:
        grammar: The grammar.
        words: Tokens of the story, beginning with `END`; they need not be a story of the grammar.
        given: Number of sentences of the prompt, which follow the grammar and are not judged.
        latent: Name of the concept's latent.
        value: Value of that latent that is the concept.
    """
    forms, written, rest = _read(grammar, list(words))
    fixed = {one.slot.writes for one in written if one.sentence < given} - {None}
    new = [
        (one.slot, one.likelihood)
        for one in written
        if one.sentence >= given and one.likelihood is not None
    ]
    fits = [bool(likelihood.any()) for slot, likelihood in new if slot.reads in fixed]
    spoken = [likelihood for slot, likelihood in new if slot.latent == latent]
    joint = np.prod([grammar.latent(latent).prior, *spoken], axis=0)
    number = grammar.latent(latent).values.index(value)
    posterior = joint[number] / joint.sum() if joint.any() else 0.0
    no_less = posterior > grammar.latent(latent).prior[number] - 1e-9
    concept = 2 if posterior >= _SURE else int(bool(spoken) and no_less)
    fluency = min(_of_share(forms[given:]), 2 if rest == [0] else 1)
    return Verdict(concept, _of_share(fits), fluency)


def _read(grammar: Grammar, words: list[int]) -> tuple[list[bool], list[_Written], list[int]]:
    """Read a text sentence by sentence.

    Returns:
        Whether each sentence has the form of a template, the words of the sentences that have, and
        the tokens after the last sentence.
    """
    stop, place, kept = sentence_end(grammar), 1, dict[str, int]()
    forms, written = [], []
    for number, ways in enumerate(grammar.sentences):
        end = words.index(stop, place) + 1 if stop in words[place:] else len(words)
        way, chosen = _template(grammar, ways, words[place:end])
        for slot, index in zip(way.slots if way else (), chosen, strict=True):
            row = 0 if slot.reads is None else kept.get(slot.reads)
            likelihood = None if row is None else slot.table[:, row, index]
            written.append(_Written(number, slot, likelihood))
            if slot.writes is not None:
                kept[slot.writes] = index
        forms.append(way is not None)
        place = end
    return forms, written, words[place:]


def _template(
    grammar: Grammar, ways: Sequence[Template], sentence: Sequence[int]
) -> tuple[Template | None, list[int]]:
    """Return the template whose places have these words, and the number of each word in its place.

    If no template fits, return None and no numbers.
    """
    for way in ways:
        places = [grammar.numbers(slot).tolist() for slot in way.slots]
        if len(places) == len(sentence) and all(map(list.__contains__, places, sentence)):
            return way, [some.index(word) for some, word in zip(places, sentence, strict=True)]
    return None, []


def _of_share(right: Sequence[bool]) -> int:
    """Return 2 if all are right, 1 if half of them are, else 0."""
    return int(all(right)) + int(2 * sum(right) >= len(right)) if right else 0
