"""A grammar so small that all of its stories can be written down, and that list."""

import itertools
import math

import numpy as np

from chisel.corpora.stories import Grammar, Latent, Slot, Template, literal

MOODS, PLACES = ("happy", "sad"), ("sea", "farm", "town")


def table(rows):
    return np.array(rows, float)


def tiny():
    """Two latents, a register, a relation, two templates, and words that two values share."""
    felt = Slot(
        ("glad", "gloomy"), table([[[0.8, 0.2]], [[0.3, 0.7]]]), "mood", sides=np.array([0, 1])
    )
    place = Slot(
        ("beach", "barn", "road"), table([[[1, 0, 0]], [[0, 0.5, 0.5]], [[0, 0, 1]]]), "place"
    )
    tool = Slot(("rope", "bell"), table([[[0.5, 0.5]]]), writes="tool")
    use = Slot(
        ("pull", "ring"),
        table([[[0.9, 0.1], [0.1, 0.9]], [[0.1, 0.9], [0.9, 0.1]], [[0.5, 0.5], [0.5, 0.5]]]),
        "place",
        reads="tool",
    )
    again = Slot(("rope", "bell"), np.eye(2)[None], reads="tool")
    return Grammar(
        (Latent("mood", MOODS), Latent("place", PLACES)),
        (
            (
                Template((*literal("a"), tool, felt)),
                Template((*literal("the"), tool, *literal("was"))),
            ),
            (Template((*literal("at"), place, use)),),
            (Template((*literal("so"), felt, again)), Template((felt, *literal("end")))),
        ),
    )


def written_out(grammar):
    """Every story with its probability for each value of the latents: `{story: {latents: p}}`."""
    stories = {}
    values = list(itertools.product(*(range(len(one.values)) for one in grammar.latents)))
    for latents in values:
        prior = math.prod(1 / len(one.values) for one in grammar.latents)
        for ways in itertools.product(*grammar.sentences):
            start = prior * math.prod(1 / len(one) for one in grammar.sentences)
            slots = [slot for way in ways for slot in way.slots]
            for words in itertools.product(*(range(len(slot.words)) for slot in slots)):
                p, kept = start, {}
                for slot, word in zip(slots, words, strict=True):
                    row = latents[grammar.number(slot.latent)] if slot.latent else 0
                    p *= slot.table[row, kept.get(slot.reads, 0), word]
                    if slot.writes:
                        kept[slot.writes] = word
                if p > 0:
                    text = tuple(slot.words[w] for slot, w in zip(slots, words, strict=True))
                    story = stories.setdefault(text, {})
                    story[latents] = story.get(latents, 0) + p
    return stories
