"""Contrast pairs differ in their concept; confound and noise are as strong as asked for."""

import numpy as np
import pytest

from chisel.corpora.stories import confound_angle, evidence, story_pairs, tale

GRAMMAR = tale()


def values(stories, name):
    return stories.latents[:, GRAMMAR.number(name)]


def draw(count=4000, **options):
    return story_pairs(GRAMMAR, "mood", count, np.random.default_rng(0), **options)


def test_the_stories_of_a_pair_differ_in_the_concept_alone():
    pairs = draw(500)
    assert (values(pairs.plus, "mood") == 0).all()
    assert (values(pairs.minus, "mood") == 1).all()
    for name in ("topic", "weather", "pace", "sound"):
        assert (values(pairs.plus, name) == values(pairs.minus, name)).all()
    assert not pairs.swapped.any()


def test_noise_exchanges_that_share_of_the_pairs():
    pairs = draw(noise=0.3)
    assert pairs.swapped.mean() == pytest.approx(0.3, abs=0.03)
    assert (values(pairs.plus, "mood") == pairs.swapped).all()


def test_the_confound_agrees_as_often_as_asked_for():
    pairs = draw(confound="weather", agreement=0.9)
    for stories in (pairs.plus, pairs.minus):
        assert (values(stories, "weather") == values(stories, "mood")).mean() == pytest.approx(
            0.9, abs=0.02
        )


@pytest.mark.parametrize("agreement", [0.5, 0.7, 0.9, 1.0])
def test_the_planted_angle_is_that_of_many_pairs(agreement):
    pairs = draw(8_000, confound="weather", agreement=agreement, noise=0.2)
    plus, minus = (
        np.stack([evidence(GRAMMAR, one.tokens, name) for name in ("mood", "weather")], 1)
        for one in (pairs.plus, pairs.minus)
    )
    difference = plus.mean(0) - minus.mean(0)
    best = np.linalg.solve((np.cov(plus.T) + np.cov(minus.T)) / 2, difference)
    cosine = difference @ best / np.linalg.norm(difference) / np.linalg.norm(best)
    wanted = confound_angle(GRAMMAR, "mood", "weather", agreement)
    assert np.degrees(np.arccos(cosine)) == pytest.approx(wanted, abs=2.5)
    assert (wanted < 0.01) == (agreement == 0.5)


def test_a_concept_has_two_values_and_is_not_its_own_confound():
    with pytest.raises(ValueError, match=r"topic has values .* not two"):
        story_pairs(GRAMMAR, "topic", 3, np.random.default_rng(0))
    with pytest.raises(ValueError, match="mood cannot be its own confound"):
        draw(3, confound="mood")


def test_the_texts_of_pairs_are_their_tokens():
    pairs = draw(5)
    for texts, stories in zip(pairs.texts(GRAMMAR), pairs[:2], strict=True):
        for text, tokens in zip(texts, stories.tokens, strict=True):
            assert GRAMMAR.encode(text) == [token for token in tokens if token]
