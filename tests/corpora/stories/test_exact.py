"""Exact probabilities of stories are those of a list of all stories, and of many drawn ones."""

import math

import numpy as np
import pytest

from chisel.corpora.stories import (
    END,
    Grammar,
    Latent,
    Slot,
    Template,
    entropy,
    literal,
    next_words,
    surprisals,
    tale,
)
from tests.corpora.stories.tiny import MOODS, PLACES, tiny, written_out

GRAMMAR = tiny()
ALL = written_out(GRAMMAR)


def encoded(text):
    return np.array([0, *GRAMMAR.encode(" ".join(text)), 0])


def probability(latents, given):
    """Whether values of latents agree with what is given."""
    named = dict(zip(("mood", "place"), latents, strict=True))
    numbers = {"mood": MOODS, "place": PLACES}
    return all(numbers[key][named[key]] == value for key, value in given.items())


def total(prefix, given):
    return sum(
        p
        for text, by_latents in ALL.items()
        if text[: len(prefix)] == prefix
        for latents, p in by_latents.items()
        if probability(latents, given)
    )


def test_the_list_of_all_stories_is_complete():
    assert math.isclose(sum(sum(one.values()) for one in ALL.values()), 1)
    assert len(ALL) > 50


@pytest.mark.parametrize("given", [{}, {"mood": "sad"}, {"place": "farm"}])
def test_every_next_word_has_the_probability_that_the_list_gives(given):
    for text in ALL:
        if not total(text, given):
            continue
        found = next_words(GRAMMAR, encoded(text)[None], given)[0]
        assert not found[len(text) + 1].any()
        assert found[len(text)] == pytest.approx(np.eye(len(GRAMMAR.vocabulary))[0])
        for place in range(len(text)):
            whole = total(text[:place], given)
            wanted = [
                0 if word == END else total((*text[:place], word), given) / whole
                for word in GRAMMAR.vocabulary
            ]
            assert found[place] == pytest.approx(np.array(wanted), abs=1e-12)


def test_the_beginning_of_a_story_predicts_what_the_whole_one_does():
    text = next(iter(ALL))
    whole = next_words(GRAMMAR, encoded(text)[None])
    for length in range(1, len(text) + 1):
        part = np.pad(encoded(text)[:length], (0, 3))[None]
        np.testing.assert_allclose(
            next_words(GRAMMAR, part)[0, :length], whole[0, :length], atol=1e-12
        )


@pytest.mark.parametrize("given", [{}, {"mood": "sad"}, {"place": "farm", "mood": "happy"}])
def test_the_surprisals_of_a_story_add_up_to_its_own(given):
    some = [text for text in ALL if total(text, given)]
    for text in some:
        found = surprisals(GRAMMAR, encoded(text)[None], given)[0]
        assert found.sum() == pytest.approx(-math.log(total(text, given) / total((), given)))
        assert found[0] == found[-1] == 0


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("given", [{}, {"mood": "sad"}, {"place": "town"}])
def test_the_entropy_is_that_of_the_list(given, known):
    share, found = total((), given), 0.0
    for text in ALL:
        true = total(text, given) / share
        assumed = true if known else total(text, {})
        found -= true * math.log(assumed) if true else 0
    assert entropy(GRAMMAR, given, known=known) == pytest.approx(found)


@pytest.mark.parametrize("given", [{}, {"topic": "sea"}, {"mood": "sad"}])
def test_the_entropy_of_tales_is_the_mean_surprisal_of_many(given):
    grammar, generator = tale(), np.random.default_rng(0)
    latents = generator.integers([len(one.values) for one in grammar.latents], size=(4000, 5))
    for name, value in given.items():
        latents[:, grammar.number(name)] = grammar.latent(name).values.index(value)
    stories = grammar.sample(4000, generator, latents)
    for known in (False, True):
        found = surprisals(grammar, stories.tokens, given if known else None).sum(1)
        error = found.std() / math.sqrt(len(found))
        assert found.mean() == pytest.approx(entropy(grammar, given, known=known), abs=4 * error)


def test_words_are_drawn_as_often_as_they_are_likely():
    stories = GRAMMAR.sample(20_000, np.random.default_rng(1))
    counts = {}
    for tokens in stories.tokens:
        text = tuple(GRAMMAR.decode(tokens).split())
        counts[text] = counts.get(text, 0) + 1
    assert set(counts) <= set(ALL)
    for text in ALL:
        p = total(text, {})
        error = math.sqrt(p * (1 - p) / len(stories))
        assert counts.get(text, 0) / len(stories) == pytest.approx(p, abs=5 * error)


def test_what_is_impossible_is_refused_by_its_words():
    story = GRAMMAR.encode("a rope glad at beach pull so glad rope")
    with pytest.raises(ValueError, match="story 0: 'barn' cannot follow 'beach pull so glad'"):
        surprisals(GRAMMAR, np.array([[0, *story[:-1], *GRAMMAR.encode("barn"), 0]]))
    with pytest.raises(ValueError, match="story 0: 'bell' is impossible behind"):
        surprisals(GRAMMAR, np.array([[0, *story[:-1], *GRAMMAR.encode("bell"), 0]]))
    with pytest.raises(ValueError, match="story 0: 'beach' is impossible behind"):
        surprisals(GRAMMAR, np.array([[0, *story, 0]]), {"place": "farm"})
    with pytest.raises(ValueError, match="'so' cannot follow 'pull so glad rope'"):
        surprisals(GRAMMAR, np.array([[0, *story, *GRAMMAR.encode("so"), 0]]))
    with pytest.raises(ValueError, match="no place=moon; there are"):
        entropy(GRAMMAR, {"place": "moon"})
    with pytest.raises(ValueError, match="'moon' is no word"):
        GRAMMAR.encode("a moon")


def test_a_grammar_that_cannot_be_read_word_by_word_is_refused():
    mood = (Latent("mood", MOODS),)
    felt = Slot(("glad", "gloomy"), np.full((2, 1, 2), 0.5), "mood")
    two = (Template(tuple(literal("a b"))), Template(tuple(literal("a c"))))
    with pytest.raises(ValueError, match="sentence 0: two templates can begin with the same word"):
        Grammar(mood, (two,))
    with pytest.raises(ValueError, match="reads 'x', which is not written before"):
        Grammar(mood, ((Template((Slot(("a",), np.ones((1, 1, 1)), reads="x"),)),),))
    with pytest.raises(ValueError, match="no distribution of shape"):
        Grammar(mood, ((Template((Slot(("a", "b"), np.ones((1, 1, 2))),)),),))
    with pytest.raises(ValueError, match="a word is there twice"):
        Grammar(mood, ((Template((Slot(("a", "a"), np.full((1, 1, 2), 0.5)),)),),))
    uneven = Slot(("a", "b"), np.array([[[0.1, 0.9]]]), writes="x")
    reads = Slot(("c", "d"), np.full((2, 2, 2), 0.5), "mood", reads="x")
    with pytest.raises(ValueError, match="x: some of its words are likelier"):
        entropy(Grammar(mood, ((Template((uneven, felt, reads)),),)))
