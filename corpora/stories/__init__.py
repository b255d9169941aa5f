"""Stories from a grammar whose probabilities are known exactly."""

from chisel.corpora.stories.contrasts import Contrast, confound_angle, contrast, evidence
from chisel.corpora.stories.data import load_stories
from chisel.corpora.stories.exact import entropy, expected_tokens, next_words, surprisals
from chisel.corpora.stories.grammar import END, Grammar, Latent, Slot, Stories, Template, literal
from chisel.corpora.stories.tale import TOPICS, tale

# pylint: disable=duplicate-code  # each of the two names what it offers
__all__ = [
    "END",
    "TOPICS",
    "Contrast",
    "Grammar",
    "Latent",
    "Slot",
    "Stories",
    "Template",
    "confound_angle",
    "contrast",
    "entropy",
    "evidence",
    "expected_tokens",
    "literal",
    "load_stories",
    "next_words",
    "surprisals",
    "tale",
]
