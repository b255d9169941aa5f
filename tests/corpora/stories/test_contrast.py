"""Contrast pairs of a latent agree in all else, and stop where the latent's last word comes."""

import numpy as np
import pytest

from chisel.configs import ConfigError
from chisel.corpora.stories import next_words, story_contrast, tale

GRAMMAR = tale()


def last_words(text, given):
    """The grammar's own probability of each next word, with a latent known."""
    tokens = np.array([[0, *GRAMMAR.encode(text)]])
    (found,) = next_words(GRAMMAR, np.pad(tokens, ((0, 0), (0, 1))), given)[:, tokens.shape[1] - 1]
    return dict(zip(GRAMMAR.vocabulary, found, strict=True))


@pytest.mark.parametrize("concept", ["mood", "weather", "pace", "sound"])
def test_the_grammar_itself_tells_the_words_that_are_scored_apart(concept):
    contrast = story_contrast(GRAMMAR, concept, count=5, prompts=5)
    value, other = GRAMMAR.latent(concept).values
    some = [*contrast.prompts, *contrast.texts[0][:2], *contrast.texts[1][:2]]
    for text in some:
        for given, wanted in ((value, contrast.wanted), (other, contrast.unwanted)):
            found = last_words(text, {concept: given})
            assert sum(found[word] for word in wanted) == pytest.approx(0.9)
            assert sum(found[w] for w in (*contrast.wanted, *contrast.unwanted)) == pytest.approx(1)


def test_stories_of_a_pair_share_their_topic_and_prompts_are_others():
    contrast = story_contrast(GRAMMAR, "mood", count=40)
    for pair in zip(*contrast.texts, strict=True):
        assert topics_of(pair[0]) & topics_of(pair[1])
    assert len(set(contrast.prompts)) == 16
    assert not set(contrast.prompts) & {text for side in contrast.texts for text in side}


def topics_of(text):
    """Topics that every word of a story can be of."""
    slots = [slot for ways in GRAMMAR.sentences for way in ways for slot in way.slots]
    topics = set(range(5))
    for slot in slots:
        if slot.latent == "topic" and slot.reads is None:
            for word in set(text.split()) & set(slot.words):
                topics &= set(np.flatnonzero(slot.table[:, 0, slot.words.index(word)]))
    return topics


def test_what_is_no_latent_of_two_values_is_refused():
    with pytest.raises(ConfigError, match="behaviour=moods: did you mean 'mood'"):
        story_contrast(GRAMMAR, "moods")
    with pytest.raises(ConfigError, match="behaviour=topic"):
        story_contrast(GRAMMAR, "topic")
