"""Draw contrast pairs of stories, with a planted confound and planted noise.

A confound is another latent that is correlated with the concept in the pairs. The difference of
means then points partly at the confound. The direction that separates the two sets best is another
one, since the confound's evidence varies more than the concept's. In the plane of the two evidence
counts the angle between the two directions is known exactly (Li et al. 2023, appendix B, show the
same for real probes).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chisel.corpora.stories.grammar import Floats, Grammar, Ints, Stories


class StoryPairs(NamedTuple):
    """Stories in pairs; those with the same number belong together."""

    plus: Stories
    """Stories with the concept's first value."""
    minus: Stories
    """Stories with its second value."""
    swapped: Ints
    """Whether the two stories of a pair were exchanged `[N]`, 0 or 1."""

    def texts(self, grammar: Grammar) -> tuple[list[str], list[str]]:
        """Return the texts with the concept's first value, and in the same order the others."""
        plus, minus = ([grammar.decode(one) for one in side.tokens] for side in self[:2])
        return plus, minus


def story_pairs(
    grammar: Grammar,
    concept: str,
    count: int,
    generator: np.random.Generator,
    *,
    noise: float = 0.0,
    confound: str | None = None,
    agreement: float = 0.5,
) -> StoryPairs:
    """Draw pairs of stories that differ in one latent.

    Args:
        grammar: The grammar.
        concept: Latent with two values; stories of `plus` have the first one.
        count: Number of pairs.
        generator: Source of the draws.
        noise: Probability that the two stories of a pair are exchanged, 0…0.5.
        confound: Another latent with two values, which is correlated with the concept. All other
            latents are the same in both stories of a pair.
        agreement: Probability that the value of a story's confound has the same number as that of
            its concept, 0.5…1.

    Raises:
        ValueError: If a latent does not have two values, or both latents are the same.
    """
    for name in (concept, *([] if confound is None else [confound])):
        if len(grammar.latent(name).values) != 2:
            raise ValueError(f"{name} has values {grammar.latent(name).values}, not two")
    if concept == confound:
        raise ValueError(f"{concept} cannot be its own confound")
    sizes = [len(latent.values) for latent in grammar.latents]
    shared = generator.integers(sizes, size=(count, len(sizes)))
    sides = []
    for value in (0, 1):
        latents = shared.copy()
        latents[:, grammar.number(concept)] = value
        if confound is not None:
            agrees = generator.random(count) < agreement
            latents[:, grammar.number(confound)] = np.where(agrees, value, 1 - value)
        sides.append(grammar.sample(count, generator, latents))
    swapped = (generator.random(count) < noise).astype(np.int64)
    plus, minus = (_mixed(sides[side], sides[1 - side], swapped) for side in (0, 1))
    return StoryPairs(plus, minus, swapped)


def _mixed(mine: Stories, other: Stories, swapped: Ints) -> Stories:
    rows = swapped == 1
    pairs = zip(vars(mine).values(), vars(other).values(), strict=True)
    return Stories(*(np.where(rows.reshape(-1, *[1] * (a.ndim - 1)), b, a) for a, b in pairs))


def evidence(grammar: Grammar, tokens: Ints, latent: str) -> Ints:
    """Count words that speak for a latent's first value, minus those for its second `[N]`."""
    found = np.zeros(len(tokens), np.int64)
    for one in grammar.predictions(tokens):
        if one.slot.latent == latent and one.slot.sides is not None:
            here = one.chosen >= 0
            np.add.at(found, one.rows[here], 1 - 2 * one.slot.sides[one.chosen[here]])
    return found


def words_by_side(grammar: Grammar, latent: str) -> tuple[list[int], list[int]]:
    """Return the tokens that speak for a latent's first value, and those for its second."""
    found: tuple[set[int], set[int]] = set(), set()
    for slot in (slot for ways in grammar.sentences for way in ways for slot in way.slots):
        if slot.latent == latent and slot.sides is not None:
            for token, side in zip(grammar.numbers(slot), slot.sides, strict=True):
                found[side].add(int(token))
    return sorted(found[0]), sorted(found[1])


def confound_angle(grammar: Grammar, concept: str, confound: str, agreement: float) -> float:
    """Compute the angle between mean difference and best separator, in degrees.

    Both are directions in the plane of the two counts of `evidence`. The separator is Fisher's,
    Σ⁻¹ times the mean difference, with Σ the covariance within a set. Noise of the pairs changes
    the lengths of both, but not the angle.

    Args:
        grammar: The grammar.
        concept: Latent with two values.
        confound: Another such latent.
        agreement: Probability that the confound agrees with the concept; see `story_pairs`.

    Raises:
        ValueError: If the number of words that speak for a latent differs between stories.
    """
    mean, variance = zip(*(_moments(grammar, name) for name in (concept, confound)), strict=True)
    tie = 2 * agreement - 1
    difference: Floats = np.array([mean[0], tie * mean[1]])
    within = np.array([variance[0], variance[1] + mean[1] ** 2 * (1 - tie**2)])
    best = difference / within
    cosine = difference @ best / np.linalg.norm(difference) / np.linalg.norm(best)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _moments(grammar: Grammar, latent: str) -> tuple[float, float]:
    """Return mean and variance of the evidence in stories with the latent's first value."""
    sentences = []
    for ways in grammar.sentences:
        chances = {
            tuple(
                float(slot.table[0, 0, slot.sides == 0].sum())
                for slot in way.slots
                if slot.latent == latent and slot.sides is not None
            )
            for way in ways
        }
        if len({tuple(sorted(some)) for some in chances}) > 1:
            raise ValueError(f"{latent}: stories differ in how many words speak for it")
        sentences.append(chances.pop())
    right = np.array([chance for some in sentences for chance in some])
    return float((2 * right - 1).sum()), float((4 * right * (1 - right)).sum())
