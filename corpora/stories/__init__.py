"""Stories from a grammar whose probabilities are known exactly."""

from chisel.corpora.stories.contrast import story_contrast
from chisel.corpora.stories.data import load_stories
from chisel.corpora.stories.exact import entropy, next_words, surprisals
from chisel.corpora.stories.grammar import END, Grammar, Latent, Slot, Stories, Template, literal
from chisel.corpora.stories.judge import Verdict, first_sentence, judge, sentence_end
from chisel.corpora.stories.pairs import (
    StoryPairs,
    confound_angle,
    evidence,
    story_pairs,
    words_by_side,
)
from chisel.corpora.stories.seeding import story_generator
from chisel.corpora.stories.tale import TOPICS, tale

# pylint: disable=duplicate-code  # both packages list the same public names
__all__ = [
    "END",
    "TOPICS",
    "Grammar",
    "Latent",
    "Slot",
    "Stories",
    "StoryPairs",
    "Template",
    "Verdict",
    "confound_angle",
    "entropy",
    "evidence",
    "first_sentence",
    "judge",
    "literal",
    "load_stories",
    "next_words",
    "sentence_end",
    "story_contrast",
    "story_generator",
    "story_pairs",
    "surprisals",
    "tale",
    "words_by_side",
]
