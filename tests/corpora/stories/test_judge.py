"""The judge of continued stories is right about hand-written ones."""

import numpy as np
import pytest

from chisel.corpora.stories import END, first_sentence, judge, sentence_end, tale
from tests.corpora.stories.tiny import tiny

GRAMMAR = tale()
RIGHT = [
    "once there was a girl named anna .",
    "one day she went to the beach .",
    "the sky was grey and the air was cold .",
    "soon she saw a crab with a pearl .",
    "now she felt glad and laughed loudly .",
    "a friend named tom came quickly and gave her a hug .",
    "they took a rope to feed the crab .",
    "at last anna shouted that the day was perfect .",
    "both ran home under the rain .",
]


def verdict(sentences, latent, value, given, end=True):
    words = GRAMMAR.encode(" ".join(sentences))
    return judge(GRAMMAR, [0, *words, *([0] if end else [])], given, latent, value)


def changed(number, sentence):
    return [sentence if place == number else one for place, one in enumerate(RIGHT)]


def test_a_story_with_the_concept_that_keeps_to_its_prompt_has_all_points():
    for latent, value in (("mood", "happy"), ("topic", "sea"), ("pace", "quick")):
        found = verdict(RIGHT, latent, value, first_sentence(GRAMMAR, latent))
        assert found == (2, 2, 2)
        assert found.harmonic_mean == 2


def test_the_other_value_has_no_point_for_the_concept_and_no_harmonic_mean():
    found = verdict(RIGHT, "mood", "sad", 4)
    assert found == (0, 2, 2)
    assert found.harmonic_mean == 0


def test_words_for_both_values_in_equal_number_are_half_a_concept():
    mixed = changed(8, "both walked home under the rain .")
    for value in ("quick", "slow"):
        assert verdict(mixed, "pace", value, 5).concept == 1


def test_words_that_two_topics_share_are_half_a_concept_and_those_of_two_topics_none():
    shared = changed(1, "one day she went to the harbour .")
    shared[3] = "soon she saw a gull with a nest ."
    shared[6] = "they took a rope and ran ."  # has no form, so that it says nothing
    assert verdict(shared, "topic", "sea", 1).concept == 2  # a nest is not of the town
    shared[3] = "soon she ran ."
    assert verdict(shared, "topic", "sea", 1).concept == 1
    both = changed(3, "soon she saw a fox with a pearl .")
    assert verdict(both, "topic", "sea", 1).concept == 0
    assert verdict(both, "topic", "forest", 1).concept == 0


def test_names_and_pronouns_that_do_not_fit_the_prompt_cost_the_instruction():
    one = changed(7, "at last tom shouted that the day was perfect .")
    assert verdict(one, "mood", "happy", 4).instruction == 1
    most = [line.replace("she", "he").replace(" her ", " him ") for line in one]
    assert verdict([RIGHT[0], *most[1:]], "topic", "sea", 1).instruction == 0
    animal = changed(6, "they took a rope to feed the whale .")
    assert verdict(animal, "mood", "happy", 4).instruction == 1


def test_broken_sentences_cost_the_fluency():
    once = changed(5, "a friend came quickly .")
    assert verdict(once, "mood", "happy", 4) == (2, 2, 1)
    assert verdict([*RIGHT[:6], "they .", "at .", "both ."], "mood", "happy", 4).fluency == 0
    assert verdict(RIGHT, "mood", "happy", 4, end=False).fluency == 1
    assert verdict([*RIGHT, "both ran ."], "mood", "happy", 4).fluency == 1
    assert verdict(RIGHT[:4], "mood", "happy", 4) == (0, 0, 0)


def test_drawn_stories_are_fluent_keep_to_their_prompts_and_mostly_hold_the_concept():
    stories = GRAMMAR.sample(60, np.random.default_rng(0), np.zeros((60, 5), np.int64))
    found = np.array(
        [
            judge(GRAMMAR, row[:length].tolist(), 4, "mood", "happy")
            for row, length in zip(stories.tokens, stories.lengths, strict=True)
        ]
    )
    assert (found[:, 1:] == 2).all()
    assert (found[:, 0] == 2).mean() > 0.8


def test_the_prompt_is_what_comes_before_the_first_word_for_the_concept():
    begins = {one.name: first_sentence(GRAMMAR, one.name) for one in GRAMMAR.latents}
    assert begins == {"topic": 1, "weather": 2, "mood": 4, "sound": 4, "pace": 5}
    assert GRAMMAR.vocabulary[sentence_end(GRAMMAR)] == "."
    assert GRAMMAR.vocabulary[0] == END


def test_a_grammar_without_a_common_last_word_is_refused():
    with pytest.raises(ValueError, match="do not all end with one word"):
        sentence_end(tiny())
