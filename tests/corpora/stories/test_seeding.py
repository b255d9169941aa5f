"""Stories for studies come from other draws than those that a network learns from."""

from typing import get_args

import pytest

from chisel.corpora.stories import story_generator
from chisel.corpora.stories.seeding import Purpose

STUDIES = (
    ("train", "validation", "test"),
    ("train", "features", "carried", "benchmark"),
    ("train", "features", "carried", "gates", "pairs", "many pairs"),
    ("train", "questions", "routing"),
    ("train", "contrast"),
)
"""Purposes for which one study draws stories."""


def drawn(purpose, *more):
    return story_generator(3, purpose, *more).integers(2**62)


@pytest.mark.parametrize("purposes", STUDIES, ids=" ".join)
def test_the_purposes_of_a_study_have_different_draws(purposes):
    every = [drawn(one, *more) for one in purposes for more in ((), (1,), (2,))]
    assert len(set(every)) == len(every)


def test_no_other_purpose_draws_the_stories_of_the_training_part():
    others = {drawn(one) for one in get_args(Purpose) if one != "train"}
    assert drawn("train") not in others


def test_each_purpose_is_that_of_a_study():
    assert {one for some in STUDIES for one in some} == set(get_args(Purpose))
