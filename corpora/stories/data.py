"""Make the corpus `stories`: drawn stories as sequences of tokens, with exact labels."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.configs import StoriesConfig
from chisel.corpora.digits import Part
from chisel.corpora.stories.contrast import story_contrast
from chisel.corpora.stories.grammar import Grammar, Stories
from chisel.corpora.stories.seeding import story_generator
from chisel.corpora.stories.tale import TOPICS, tale
from chisel.corpora.tokens import Sequences, TokenData


def load_stories(config: StoriesConfig) -> TokenData:
    """Draw `corpus.name: stories`; registered under that name.

    The facts about each story are the name of each latent's value; `forget`, whether the topic is
    `config.forget`; and `flagged`, the same label with errors, so that its expected recall and
    precision are those of the config. The concept's tokens are all tokens that depend on the topic.
    """
    grammar = tale(config.noise)
    counts: dict[Part, int] = {
        "train": config.stories,
        "validation": config.validation,
        "test": config.test,
    }
    parts = []
    for part, count in counts.items():
        generator = story_generator(config.seed, part)
        stories = grammar.sample(count, generator)
        facts = _facts_of(grammar, stories)
        facts["forget"] = facts["topic"] == config.forget
        facts["flagged"] = _flagged(facts["forget"], config, generator)
        concept = stories.sources == grammar.number("topic")
        parts.append(Sequences(stories.tokens, stories.lengths, facts, concept))
    contrast = functools.partial(story_contrast, grammar)
    train, validation, test = parts
    return TokenData(grammar.vocabulary, grammar.context_length, train, validation, test, contrast)


def _facts_of(grammar: Grammar, stories: Stories) -> dict[str, NDArray[Any]]:
    """Return the value of each latent of stories `[N]`, by its name."""
    return {
        latent.name: np.array(latent.values)[stories.latents[:, number]]
        for number, latent in enumerate(grammar.latents)
    }


def _flagged(
    forget: NDArray[np.bool_], config: StoriesConfig, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """Flag stories so that the expected recall and precision are those of the config."""
    right = forget & (generator.random(len(forget)) < config.recall)
    share = 1 / len(TOPICS)
    wrongly = config.recall * (1 / config.precision - 1) * share / (1 - share)
    return right | (~forget & (generator.random(len(forget)) < wrongly))
