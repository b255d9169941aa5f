"""What one number of the residual stream stands for is found where it was put by hand."""

import numpy as np
import pytest
import torch

from chisel.analysis.interventions import intervene
from chisel.analysis.language import (
    Questions,
    nearest_tokens,
    site_table,
    unit_shifts,
    words_of_latent,
)
from chisel.corpora.stories import tale
from chisel.models.language import GPT, GPTSize

GRAMMAR = tale()
FOREST = [
    "wood",
    "grove",
    "valley",
    "orchard",
    "fox",
    "owl",
    "deer",
    "bear",
    "acorn",
    "mushroom",
    "feather",
    "nest",
]


def network():
    size = GPTSize(2, 8, 2, GRAMMAR.context_length, len(GRAMMAR.vocabulary), 16)
    model = GPT(size, torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        model.embed.tokens.weight.mul_(50)
    return model


def test_nearest_tokens_have_the_largest_cosine_and_pass_over_one():
    rows = torch.tensor([[9.0, 0], [3, 1], [0.2, 0.1], [-5, 0], [0, 1]])
    assert nearest_tokens(rows, torch.tensor([2.0, 0]), 3, without=0) == [1, 2, 4]


def test_the_words_of_a_topic_are_those_of_its_places_creatures_and_things():
    found = words_of_latent(GRAMMAR, "topic", "forest")
    assert sorted(GRAMMAR.vocabulary[n] for n in found) == sorted(FOREST)


def test_questions_stop_before_the_first_word_that_tells_the_topic():
    asked = Questions.of(GRAMMAR, "topic", 20, seed=0)
    places = {w for way in GRAMMAR.sentences[1] for w in way.slots[-2].words}
    assert {GRAMMAR.vocabulary[n] for n in asked.options} == places
    for row, last in zip(asked.tokens.numpy(), asked.last, strict=True):
        text = GRAMMAR.decode(row[: int(last) + 1])
        assert text.endswith("the")
        assert not set(text.split()) & places
        assert not row[int(last) + 1 :].any()


def test_shifts_are_those_of_adding_by_hand():
    model, wanted = network(), {GRAMMAR.vocabulary.index(w) for w in ("wood", "grove")}
    asked = Questions.of(GRAMMAR, "topic", 5, seed=0)
    found = unit_shifts(model, asked, wanted, 1, [0.5])[0.5]
    assert found.shape == (8,)
    norms, odds = [], []
    for row, last in zip(asked.tokens, asked.last, strict=True):
        text = row[None, : int(last) + 1]
        with torch.no_grad():
            norms += model.blocks[0](model.embed(text))[0, 1:].norm(dim=1).tolist()

    def add(values):
        values = values.clone()
        values[:, 1:, 3] += 0.5 * np.mean(norms)
        return values

    for edits in ({}, {site_table(model).stream(1): add}):
        with intervene(model, edits), torch.no_grad():
            each = []
            for row, last in zip(asked.tokens, asked.last, strict=True):
                p = model(row[None, : int(last) + 1])[0, -1].double().exp()
                others = set(asked.options) - wanted
                each.append(float((sum(p[n] for n in wanted) / sum(p[n] for n in others)).log()))
            odds.append(np.mean(each))
    assert found[3] == pytest.approx(odds[1] - odds[0], abs=1e-4)
