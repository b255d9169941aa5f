"""Make contrast pairs and words to score from a latent of the stories, such as the mood."""

from __future__ import annotations

import numpy as np

from chisel.configs import ConfigError, hint
from chisel.corpora.contrast import Contrast
from chisel.corpora.stories.grammar import Grammar, Stories
from chisel.corpora.stories.pairs import story_pairs
from chisel.corpora.stories.seeding import story_generator


def story_contrast(
    grammar: Grammar, concept: str, *, count: int = 256, prompts: int = 16, seed: int = 0
) -> Contrast:
    """Make contrast pairs of a latent: `mood`, `weather`, `pace` or `sound`.

    Texts stop before the last word that speaks for the concept. To predict that word, a network
    must have kept the concept in mind. The stories of a pair agree in all other latents. Prompts
    are the beginnings of other stories, of both values.

    Args:
        grammar: The grammar.
        concept: Latent with two values; the first value is the wanted one.
        count: Number of pairs.
        prompts: Number of prompts.
        seed: Seed of the stories.

    Raises:
        ConfigError: If there is no such latent.
    """
    known = [latent.name for latent in grammar.latents if len(latent.values) == 2]
    if concept not in known:
        raise ConfigError(
            f"behaviour={concept}: {hint(concept, known)}; or give a YAML file of pairs"
        )
    generator = story_generator(seed, "contrast")
    plus, minus, _ = story_pairs(grammar, concept, count, generator)
    (texts, _), (others, _) = (_opened(grammar, side, concept) for side in (plus, minus))
    questions, (wanted, unwanted) = _opened(grammar, grammar.sample(prompts, generator), concept)
    value, other = grammar.latent(concept).values
    return Contrast(
        name=concept,
        about=f"The {concept} of a story is {value}, not {other}.",
        asks=" ".join(wanted),
        wanted=tuple(wanted),
        unwanted=tuple(unwanted),
        prompts=tuple(questions),
        pairs=tuple(("", a, b) for a, b in zip(texts, others, strict=True)),
    )


def _opened(
    grammar: Grammar, stories: Stories, concept: str
) -> tuple[list[str], tuple[list[str], list[str]]]:
    """Return stories up to the last word that speaks for a latent, and the words for each value.

    The words for a value are those that can stand in that place.
    """
    ends = np.zeros(len(stories), np.int64)
    words: list[list[str]] = [[], []]
    for one in grammar.predictions(stories.tokens):
        if one.slot.latent == concept and one.slot.sides is not None:
            here = one.chosen >= 0
            ends[one.rows[here]] = one.positions[here]
            sided = list(zip(one.slot.words, one.slot.sides, strict=True))
            words = [[word for word, side in sided if side == value] for value in (0, 1)]
    texts = [grammar.decode(row[:end]) for row, end in zip(stories.tokens, ends, strict=True)]
    return texts, (words[0], words[1])
