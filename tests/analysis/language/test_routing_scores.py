"""Scores of routed models: above the exact probabilities, calibrated, and R between two ends."""

import math
import warnings

import numpy as np
import pytest
import torch

from chisel.analysis.language import (
    RoutingScores,
    StoryReader,
    filtering_table,
    routing_figure,
    routing_table,
)
from chisel.configs import StoriesConfig
from chisel.corpora import load_data
from chisel.corpora.stories import next_words, tale

CORPUS = StoriesConfig(stories=5, validation=5, test=5)
GRAMMAR = tale()
READER = StoryReader(CORPUS, 120)
FOREST = GRAMMAR.encode("fox owl deer wood grove acorn mushroom")


def exact(tokens):
    return torch.from_numpy(next_words(GRAMMAR, tokens.numpy())).log().clamp(min=-30)


def test_the_exact_probabilities_have_no_loss_above_themselves_on_either_kind():
    assert READER.measure(exact) == pytest.approx({"forget": 0, "retain": 0}, abs=1e-5)


def test_a_bias_of_the_logits_is_no_forgetting():
    """A model that says the topic's words seldom, but in the right places, knows them still."""

    def silenced(tokens):
        logits = exact(tokens).clone()
        logits[..., FOREST] -= 4
        return logits

    found = READER.measure(silenced)
    assert found["retain"] == pytest.approx(0, abs=0.015)
    assert found["forget"] < 0.03
    losses = torch.nn.functional.cross_entropy
    half = READER._halves["forget"][0]
    uncalibrated, own = (losses(half.logits(one), half.targets) for one in (silenced, exact))
    assert uncalibrated - own > 0.05


def test_stories_of_a_kind_are_of_the_topic_or_not_and_none_is_trained_on():
    words = set(GRAMMAR.decode(READER.attacker(50).tokens.ravel()).split())
    assert "fox" in words
    assert not {"whale", "cow", "cat", "eagle"} & words
    trained = {tuple(tokens) for tokens in load_data(CORPUS).train.tokens}
    assert not trained & {tuple(tokens) for tokens in READER.attacker(50).tokens}
    one, two = READER.attacker(5).tokens, StoryReader(CORPUS, 3).attacker(5).tokens
    assert np.array_equal(one, two)


def losses(*forget):
    return [{"forget": value, "retain": 0.1} for value in forget]


SCORES = RoutingScores(
    {
        "control": {"whole": losses(0.1, 0.2), "attacked": losses(0.1, 0.1)},
        "filtered-all": {"whole": losses(0.5, 0.6), "attacked": losses(0.3, 0.3)},
        "era": {
            "whole": losses(0.1, 0.2),
            "ablated": losses(0.3, 0.7),
            "attacked": losses(0.2, 0.1),
            "random": losses(0.12, 0.2),
        },
    },
    {"era": {0.0: losses(0.3, 0.7), 1.0: losses(0.1, 0.2)}},
)


def test_r_is_0_for_the_control_and_1_for_who_never_learnt():
    assert SCORES.ratios("control", "whole") == [0, 0]
    assert SCORES.ratios("filtered-all", "attacked") == [1, 1]
    assert SCORES.judged("era") == "ablated"
    assert SCORES.judged("control") == "whole"
    assert SCORES.ratios("era", "ablated") == pytest.approx([0.5, 1.25])
    assert SCORES.ratios("era", "attacked") == pytest.approx([0.5, 0])


def test_without_the_ends_there_is_no_r():
    alone = RoutingScores({"era": SCORES.losses["era"]}, {})
    assert all(map(math.isnan, alone.ratios("era", "ablated")))


def test_the_table_has_a_row_for_each_arm_and_the_figure_every_arm():
    rows = {row["arm"]: row for row in routing_table(SCORES).rows}
    assert list(rows) == ["control", "filtered-all", "era"]
    assert rows["era"]["forget +nats"].value == pytest.approx(0.5)
    assert rows["era"]["R"].value == pytest.approx(0.875)
    assert rows["era"]["random forget"].value == pytest.approx(0.16)
    assert rows["era"]["random retain"].value == pytest.approx(0.1)
    assert "random forget" not in rows["control"]
    figure = routing_figure(SCORES, "title")
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["control", "filtered-all", "era"]
    assert len(figure.axes[1].lines) == 2


def test_filtering_is_subtracted_seed_by_seed_from_routed_arms_alone():
    half = [{"forget": 0.1, "retain": 0.08}, {"forget": 0.3, "retain": 0.1}]
    filtered = {"filtered": {"whole": half, "attacked": losses(0.1, 0.2)}}
    (row,) = filtering_table(RoutingScores({**SCORES.losses, **filtered}, SCORES.dial)).rows
    assert row["arm"] == "era"
    # R of era: .5, 1.25; of filtered: 0, .25. R attacked of era: .5, 0; of filtered: 0, .5.
    assert row["R"].value == pytest.approx((0.5 + 1) / 2)
    half_width = (row["R"].high - row["R"].low) / 2
    assert half_width == pytest.approx(12.706 * 0.25, rel=1e-4)  # Student's t, one degree
    assert row["R attacked"].value == pytest.approx((0.5 - 0.5) / 2)
    assert row["forget"].value == pytest.approx((0.2 + 0.4) / 2)
    assert row["forget attacked"].value == pytest.approx((0.1 - 0.1) / 2)
    assert row["retain"].value == pytest.approx(0.01)
    assert row["tax"].value == pytest.approx(0)


def test_arms_without_regions_are_drawn_without_a_warning():
    alone = RoutingScores({"control": SCORES.losses["control"]}, {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = routing_figure(alone, "title")
    assert figure.axes[1].get_legend() is None
