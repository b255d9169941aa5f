"""Contrast pairs differ in their concept; confound and noise are as strong as asked for."""

import numpy as np
import pytest

from chisel.configs import ConfigError
from chisel.corpora import Pair, read_pairs, write_pairs
from chisel.corpora.stories import confound_angle, contrast, evidence, tale

GRAMMAR = tale()


def values(stories, name):
    return stories.latents[:, GRAMMAR.number(name)]


def draw(count=4000, **options):
    return contrast(GRAMMAR, "mood", count, np.random.default_rng(0), **options)


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
        contrast(GRAMMAR, "topic", 3, np.random.default_rng(0))
    with pytest.raises(ValueError, match="mood cannot be its own confound"):
        draw(3, confound="mood")


def test_pairs_come_back_from_their_file(tmp_path):
    pairs = draw(5).texts(GRAMMAR)
    assert read_pairs(write_pairs(tmp_path / "mood.jsonl", pairs)) == pairs
    assert GRAMMAR.encode(pairs[0].plus)
    (tmp_path / "own.jsonl").write_text('{"plus": "grüße", "minus": "b"}\n\n', encoding="utf-8")
    assert read_pairs(tmp_path / "own.jsonl") == [Pair("grüße", "b")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no pairs; write one a line"),
        ('{"plus": "a", "minus": "b"}\nnot', "own.jsonl:2: no JSON"),
        ('{"plus": "a"}', r'own.jsonl:1: needs \{"plus": TEXT'),
        ('{"plus": "a", "minus": ""}', "own.jsonl:1: needs"),
        ('["a", "b"]', "own.jsonl:1: needs"),
    ],
)
def test_damaged_files_of_pairs_are_refused_in_one_line(tmp_path, text, message):
    (tmp_path / "own.jsonl").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_pairs(tmp_path / "own.jsonl")
    with pytest.raises(ConfigError, match="cannot read pairs from"):
        read_pairs(tmp_path / "none.jsonl")
