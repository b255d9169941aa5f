"""The score S of a predictor is known where it is the grammar itself, or where it is broken."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from chisel.analysis.language import (
    ConceptTarget,
    carried,
    concept_pairs,
    continued,
    words_for,
)
from chisel.corpora.stories import Grammar, Template, literal, next_words, tale
from tests.corpora.stories.tiny import tiny, written_out


def stopped():
    """The tiny grammar with a sentence in front, and stops; no sentence begins with its latents."""
    sentences = [
        tuple(
            Template((*sorted(way.slots, key=lambda one: bool(one.latent)), *literal(".")))
            for way in ways
        )
        for ways in tiny().sentences
    ]
    return Grammar(tiny().latents, ((Template(tuple(literal("now then ."))),), *sentences))


GRAMMAR = stopped()


def target(latent="mood", value="sad", count=64, grammar=GRAMMAR):
    texts, _ = concept_pairs(grammar, latent, value, count, np.random.default_rng(0))
    return ConceptTarget.of(grammar, latent, value, texts)


def knows(given, grammar=GRAMMAR):
    """Tokens to the log of the grammar's conditional distribution."""
    return lambda tokens: torch.from_numpy(next_words(grammar, tokens.numpy(), given)).log()


def score(one, predict):
    lost, had = (one.excess(some)[:, 0].sum() for some in (predict, knows({})))
    return (had - lost) / had


def test_the_grammar_told_the_concept_scores_1_untold_0_and_told_another_less():
    one = target()
    assert score(one, knows({"mood": "sad"})) == pytest.approx(1, abs=1e-12)
    assert score(one, knows({})) == 0
    assert score(one, knows({"mood": "happy"})) < -0.2
    assert one.excess(knows({"mood": "happy"}))[:, 1] == pytest.approx(0, abs=1e-9)


def test_damage_elsewhere_is_seen_there_alone():
    one, right = target(), knows({"mood": "sad"})

    def damaged(tokens):
        probabilities = right(tokens).exp()
        spread = 0.8 * probabilities + 0.2 / probabilities.shape[-1]
        return torch.where(one.texts.elsewhere[..., None], spread, probabilities).log()

    about, elsewhere = one.excess(damaged).T
    assert about == pytest.approx(0, abs=1e-12)
    assert (elsewhere > 0.1).all()


@pytest.mark.parametrize(("latent", "value"), [("mood", "sad"), ("place", "farm")])
def test_the_entropy_is_that_of_all_stories_written_out(latent, value):
    number = GRAMMAR.number(latent)
    values = GRAMMAR.latent(latent).values
    chances = {}
    for text, by_latents in written_out(GRAMMAR).items():
        p = sum(q for key, q in by_latents.items() if key[number] == values.index(value))
        if p:
            chances[text] = p * len(values)
    assert sum(chances.values()) == pytest.approx(1)
    longest = GRAMMAR.context_length
    rows = [[0, *GRAMMAR.encode(" ".join(text))] for text in chances]
    tokens = np.array([row + [0] * (longest - len(row)) for row in rows])
    whole = torch.arange(1, longest) <= torch.tensor([len(row) for row in rows])[:, None]
    texts = replace(
        target().texts, tokens=torch.from_numpy(tokens), about=whole, elsewhere=~whole & False
    )
    found = ConceptTarget.of(GRAMMAR, latent, value, texts).entropy[:, 0]
    weights = np.array(list(chances.values()))
    assert weights @ found == pytest.approx(-weights @ np.log(weights))


def test_words_for_the_concept_and_all_others_make_up_what_follows_the_prompt():
    texts = target("place", "farm").texts
    assert (texts.starts > 4).all()  # behind the second stop
    for row, start, about, elsewhere in zip(
        texts.tokens, texts.starts, texts.about, texts.elsewhere, strict=True
    ):
        words = [GRAMMAR.vocabulary[token] for token in row]
        assert words[start - 1] == "."
        assert words[start] == "at"
        sides = {words[place + 1] for place in torch.where(about)[0]}
        assert sides <= {"barn", "road", "pull", "ring"}
        end = words.index("<end>", 1)
        both = torch.where(about | elsewhere)[0] + 1
        assert both.tolist() == list(range(int(start), end + 1))
    assert texts.stories[0][-1] == 0
    assert len(texts.stories[0]) == texts.tokens[0, 1:].tolist().index(0) + 2


def test_pairs_differ_in_the_concept_and_other_values_are_equally_likely():
    grammar = tale(noise=0)
    plus, minus = concept_pairs(grammar, "topic", "sea", 300, np.random.default_rng(1))
    seas, others = (
        [{grammar.vocabulary[t] for t in row} for row in part.tokens] for part in (plus, minus)
    )
    assert all(one & {"pearl", "anchor", "net", "nest"} for one in seas)
    places = {
        "farm": {"barn", "stable"},
        "forest": {"wood", "grove"},
        "mountain": {"peak", "cave"},
        "town": {"street", "square"},
    }
    counts = [sum(bool(one & some) for one in others) for some in places.values()]
    assert min(counts) > 20
    assert not any(one & {"beach", "cove"} for one in others)
    moods = [[bool(one & {"glad", "merry", "cheerful"}) for one in some] for some in (seas, others)]
    assert moods[0] == moods[1]


def test_halves_have_no_prompt_in_common_and_lose_no_story():
    one = target("place", "farm", 80)
    parts = one.halves()
    prompts = [
        {tuple(row[:start]) for row, start in zip(p.texts.tokens.tolist(), p.texts.starts)}  # noqa: B905 tensors
        for p in parts
    ]
    assert prompts[0]
    assert prompts[1]
    assert not prompts[0] & prompts[1]
    assert sum(len(part.own) for part in parts) == 80


def test_an_exact_reader_carries_all_and_one_that_never_learns_nothing():
    targets = [target("mood", value, 400) for value in ("happy", "sad")]
    assert carried(targets, knows({})) == pytest.approx(1)

    def forgetful(tokens):
        sides = [next_words(GRAMMAR, tokens.numpy(), {"mood": one}) for one in ("happy", "sad")]
        return torch.from_numpy(sum(sides) / 2).log()

    assert abs(carried(targets, forgetful)) < 0.1


def test_a_continuation_of_the_grammar_itself_is_fluent_and_holds_the_concept():
    grammar = tale(noise=0)
    one = target("mood", "sad", 5, grammar)
    stories = continued(
        knows({"mood": "sad"}, grammar),
        one.texts.tokens,
        one.texts.starts,
        torch.Generator().manual_seed(0),
    )
    for story, row, start in zip(stories, one.texts.tokens, one.texts.starts, strict=True):
        assert story[:start] == row[:start].tolist()
    assert [tuple(verdict) for verdict in one.verdicts(stories)] == [(2, 2, 2)] * 5
    assert [tuple(verdict) for verdict in one.verdicts(one.texts.stories)] == [(2, 2, 2)] * 5


def test_words_that_say_a_topic_are_no_other_topics():
    grammar = tale()
    words = [grammar.vocabulary[word] for word in words_for(grammar, "topic", "sea", 4)]
    assert words == ["beach", "cove", "crab", "whale"]
    moods = [grammar.vocabulary[word] for word in words_for(grammar, "mood", "sad")]
    assert moods == ["gloomy", "lonely", "miserable"]
