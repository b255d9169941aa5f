"""The built-in stories: labels of stories and of tokens say what the words do."""

import numpy as np
import pytest

from chisel import configs
from chisel.configs import StoriesConfig
from chisel.corpora import load_data
from chisel.corpora.stories import TOPICS, tale

GRAMMAR = tale()


def load(**options):
    return load_data(StoriesConfig(**{"stories": 3000, "validation": 50, "test": 60} | options))


def test_the_same_seed_gives_the_same_stories_and_parts_differ():
    one, two, other = load(), load(), load(seed=1)
    for part in ("train", "validation", "test"):
        assert np.array_equal(one.part(part).tokens, two.part(part).tokens)
        assert not np.array_equal(one.part(part).tokens, other.part(part).tokens)
    assert [len(one.part(part)) for part in ("train", "validation", "test")] == [3000, 50, 60]
    assert not np.array_equal(one.validation.tokens, one.train.tokens[:50])


def test_more_stories_begin_with_the_same_validation_and_test_stories():
    assert np.array_equal(load().test.tokens, load(stories=10).test.tokens)


def test_a_story_begins_and_ends_with_the_mark():
    data = load()
    assert (data.train.tokens[:, 0] == 0).all()
    for tokens, length in zip(data.train.tokens, data.train.lengths, strict=True):
        assert tokens[1 : length - 1].all()
        assert not tokens[length - 1 :].any()
    assert data.context_length == data.train.tokens.shape[1] == 85
    assert data.vocabulary == len(data.words) == 194


def test_facts_are_what_most_words_of_a_story_speak_for():
    data = load()
    for name, word in (("happy", "lovely"), ("sad", "awful")):
        has = (data.train.tokens == data.words.index(word)).any(1)
        right = (data.train.facts["mood"][has] == name).mean()
        assert right == pytest.approx(0.9, abs=4 * (0.09 / has.sum()) ** 0.5)
    fox = (data.train.tokens == data.words.index("fox")).any(1)
    assert set(data.train.facts["topic"][fox]) == {"forest"}


def test_concept_tokens_are_those_that_depend_on_the_topic():
    data = load()
    marked = np.unique(data.train.tokens[data.train.concept])
    words = {data.words[token] for token in marked}
    assert {"fox", "harbour", "lantern", "guide"} <= words
    assert not {"lovely", "rope", "anna", "the"} & words
    assert (data.train.concept.sum(1) == 4).all()  # place, animal, thing, use


def test_the_topics_differ_in_what_tools_are_for_with_the_same_words():
    slot = next(
        slot
        for ways in GRAMMAR.sentences
        for way in ways
        for slot in way.slots
        if slot.reads == "tool"
    )
    use = slot.table.argmax(-1)  # [topic, tool]
    assert len(TOPICS) == 5
    assert all(len(set(by_topic)) == 5 for by_topic in use.T)
    assert all(sorted(by_tool) == list(range(6)) for by_tool in use)


@pytest.mark.parametrize(("recall", "precision"), [(1, 1), (0.5, 1), (0.5, 0.8), (0.2, 0.5)])
def test_flags_have_the_recall_and_precision_asked_for(recall, precision):
    facts = load(stories=20_000, recall=recall, precision=precision, forget="sea").train.facts
    forget, flagged = facts["forget"], facts["flagged"]
    assert (forget == (facts["topic"] == "sea")).all()
    found = forget[flagged].mean(), flagged[forget].mean()
    assert found[1] == pytest.approx(recall, abs=0.03)
    assert found[0] == pytest.approx(precision, abs=0.05)


def test_a_topic_that_there_is_not_is_refused():
    assert configs.load("language/stories", ["corpus.forget=sea"]).corpus.forget in TOPICS
    with pytest.raises(configs.ConfigError, match="forget = wood: must be one of forest, sea"):
        configs.load("language/stories", ["corpus.forget=wood"])
    for topic in TOPICS:
        configs.load("language/stories", [f"corpus.forget={topic}"])
