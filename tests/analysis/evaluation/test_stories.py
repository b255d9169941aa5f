"""Language models are judged by their loss above the grammar's own, on stories held out."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from chisel import configs
from chisel.analysis.evaluation import (
    evaluator_of,
    last_moods,
    story_losses,
    story_metrics,
    token_losses,
)
from chisel.configs import StoriesConfig
from chisel.corpora import load_data
from chisel.corpora.stories import next_words, tale
from chisel.models import Loaded, Spaces
from chisel.models.language import GPT, GPTSize

CORPUS = StoriesConfig(stories=5, validation=40, test=60)
GRAMMAR, DATA = tale(), load_data(CORPUS)


def gpt():
    size = GPTSize(1, 16, 2, DATA.context_length, DATA.vocabulary, 32)
    return GPT(size, torch.Generator().manual_seed(0)).eval()


def exact(tokens):
    return torch.from_numpy(next_words(GRAMMAR, tokens.numpy())).log()


def test_losses_are_those_of_each_token_alone():
    model, part = gpt(), DATA.validation
    found = token_losses(model, part.tokens, part.lengths)
    for n in range(3):
        story = torch.from_numpy(part.tokens[n, : part.lengths[n]])[None]
        with torch.no_grad():
            wanted = F.cross_entropy(model(story[:, :-1])[0], story[0, 1:], reduction="none")
        assert found[n, 1 : part.lengths[n]] == pytest.approx(wanted.numpy(), rel=1e-4)
        assert found[n, 0] == 0
        assert not found[n, part.lengths[n] :].any()


def test_the_grammar_itself_is_0_above_the_entropy():
    loss, above = story_losses(exact, GRAMMAR, DATA.validation)
    assert above == pytest.approx(np.zeros(40), abs=1e-9)
    assert 0.3 < loss.mean() < 0.6


def test_metrics_are_means_over_stories_by_kind():
    model, part = gpt().train(), DATA.validation
    found = story_metrics(model, CORPUS, part)
    loss, above = story_losses(model, GRAMMAR, part)
    forget = part.facts["topic"] == "forest"
    assert found == pytest.approx(
        {
            "loss": loss.mean(),
            "above_entropy": above.mean(),
            "above_entropy_forget": above[forget].mean(),
            "above_entropy_retain": above[~forget].mean(),
        }
    )
    assert model.training


def test_the_last_mood_is_found_in_every_story():
    part = DATA.test
    places, words = last_moods(GRAMMAR, part.tokens)
    last = part.tokens[np.arange(len(part)), places]
    assert {DATA.words[token] for token in words.ravel()} >= {DATA.words[token] for token in last}
    assert {DATA.words[token] for token in words[0]} == {"wonderful", "lovely", "perfect"}
    happy = part.facts["mood"] == "happy"
    assert np.isin(last[happy], words[0]).mean() > 0.7


def evaluate(model, **settings):
    config = configs.load(
        "language/stories",
        ["corpus.stories=5", "corpus.validation=40", "corpus.test=60"],
    )
    spaces = Spaces((DATA.context_length,), "int64", 193.0, 0, vocabulary=DATA.vocabulary)
    loaded = Loaded(model, spaces, config, "digest", 0, source=None)
    evaluator = evaluator_of(config)
    (situation,) = evaluator.situations
    players = evaluator.players(loaded, config, situation)
    with evaluator.open(loaded, config, situation, paired=True) as games:
        return {one.name: evaluator.table(games.play(one, (0,))) for one in players}


def test_the_evaluator_has_a_row_for_each_story_and_the_grammar_beside():
    tables = evaluate(gpt())
    assert set(tables) == {"agent", "grammar"}
    for table in tables.values():
        assert len(table) == 60
        assert set(table["topic"]) == {"forest", "sea", "farm", "town", "mountain"}
    agent, grammar = tables["agent"], tables["grammar"]
    assert grammar["above entropy"].abs().max() < 1e-9
    assert (agent["above entropy"] > 0).all()
    assert (agent["loss"] - agent["above entropy"]).to_numpy() == pytest.approx(
        grammar["loss"].to_numpy()
    )


def test_a_mood_is_carried_where_its_words_are_likelier_at_the_end():
    table = evaluate(gpt())["grammar"]
    for mood, other in (("happy", "sad"), ("sad", "happy")):
        of_mood = table["mood"] == mood
        assert table.loc[of_mood, f"carries {mood}"].mean() > 0.9
        assert table.loc[~of_mood, f"carries {mood}"].isna().all()
        assert table.loc[of_mood, f"carries {other}"].isna().all()


class Happy(torch.nn.Module):
    """Says the same words after everything."""

    def __init__(self):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.zeros(DATA.vocabulary))
        with torch.no_grad():
            self.logits[DATA.words.index("lovely")] = 5

    def forward(self, tokens):
        return self.logits.expand(*tokens.shape, -1)


def test_who_always_says_happy_words_carries_happiness_alone():
    table = evaluate(Happy())["agent"]
    assert table["carries happy"].dropna().mean() == 1
    assert table["carries sad"].dropna().mean() == 0
