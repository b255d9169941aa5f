"""A planted direction passes the gates; its reverse does not, and chance as often as it must."""

import math

import numpy as np
import pytest
import torch

from chisel.analysis.language import (
    ConceptGauge,
    ConceptTarget,
    DrawScore,
    Gates,
    Moved,
    StoryModel,
    concept_pairs,
    gates_figure,
    gates_of,
    gates_table,
    scores_frame,
)
from chisel.corpora.stories import evidence, words_by_side
from tests.analysis.language.bag_of_words import GRAMMAR, MOOD, WEATHER, WIDTH, bag_of_words


@pytest.fixture(scope="module")
def network():
    return StoryModel(bag_of_words(), GRAMMAR, [0], seed=0)


@pytest.fixture(scope="module")
def target():
    samples, _ = concept_pairs(GRAMMAR, "mood", "happy", 8, np.random.default_rng(0))
    return ConceptTarget.of(GRAMMAR, "mood", "happy", samples)


@pytest.fixture(scope="module")
def gauge(network, target):
    return ConceptGauge(network, 0, target)


def moved(network, gauge, vector, strength=0.5):
    return gauge.measure(network.addition(0, vector, strength))


def test_words_of_the_two_sides_add_up_to_the_evidence():
    tokens = GRAMMAR.sample(50, np.random.default_rng(0)).tokens
    loud, soft = (np.isin(tokens, side).sum(1) for side in words_by_side(GRAMMAR, "sound"))
    assert (loud + soft == 2).all()  # HOW and SAYS
    assert (loud - soft == evidence(GRAMMAR, tokens, "sound")).all()


def test_what_a_gauge_measures_is_what_the_whole_network_predicts(network, target, gauge):
    edit = network.addition(0, MOOD + torch.ones(WIDTH), 0.5)
    tokens = target.texts.tokens[:, :-1]
    odds = []
    for logits in (network.edited(0, edit, tokens), network.model(tokens)):
        p, (happy, sad) = logits.double().softmax(2), words_by_side(GRAMMAR, "mood")
        places = [tuple(place) for place in target.texts.about.nonzero().tolist()]
        odds.append([math.log(p[place][happy].sum() / p[place][sad].sum()) for place in places])
    before = target.excess(network.model)
    after = target.excess(lambda tokens: network.edited(0, edit, tokens))
    found = gauge.measure(edit)
    assert found.shift == pytest.approx(np.mean(odds[0]) - np.mean(odds[1]))
    assert found.gain == pytest.approx((before - after)[:, 0].mean())
    assert found.elsewhere == pytest.approx((after - before)[:, 1].mean())
    assert found.share == pytest.approx(1 - after[:, 0].sum() / before[:, 0].sum())
    assert found.whole == pytest.approx((before - after).sum(1).mean())


def test_the_planted_direction_passes_control_and_sign_and_its_reverse_passes_neither(
    network, gauge
):
    generator = torch.Generator().manual_seed(1)
    random = [
        moved(network, gauge, torch.randn(WIDTH, generator=generator)).shift for _ in range(20)
    ]
    there, back = moved(network, gauge, MOOD), moved(network, gauge, -MOOD)
    assert gates_of(there, back, random, math.inf) == Gates(control=True, fluency=True, sign=True)
    reverse = gates_of(back, there, random, math.inf)
    assert reverse == Gates(control=False, fluency=True, sign=False)
    assert not reverse.all


def test_a_direction_that_says_nothing_of_the_concept_hardly_moves_it(network, gauge):
    assert abs(moved(network, gauge, WEATHER).shift) < 0.1 * moved(network, gauge, MOOD).shift
    assert moved(network, gauge, WEATHER).elsewhere > 0


def test_of_21_random_directions_one_passes_the_control_gate(network, gauge):
    generator = torch.Generator().manual_seed(2)
    for _ in range(4):
        some = [moved(network, gauge, torch.randn(WIDTH, generator=generator)) for _ in range(21)]
        passed = [
            gates_of(one, one, [other.shift for other in some if other is not one], 0.0).control
            for one in some
        ]
        assert sum(passed) == 1


def test_random_shifts_pass_the_control_gate_as_often_as_chance_says():
    shifts = np.random.default_rng(0).standard_cauchy((20_000, 21))
    passed = [
        gates_of(Moved(one[0], 0, 0, 0), Moved(0, 0, 0, 0), one[1:], 0.0).control for one in shifts
    ]
    assert np.mean(passed) == pytest.approx(1 / 21, abs=4 * math.sqrt(20) / 21 / math.sqrt(20_000))


def test_the_fluency_gate_lets_pass_what_costs_no_more_than_allowed():
    still = Moved(0.0, 0.0, 0.0, 0.0)
    for rise, passes in ((0.2, True), (0.3, True), (0.31, False)):
        assert gates_of(Moved(1.0, 0, 0, rise), still, [0.0], 0.3).fluency is passes


def score(passes, draw, **changed):
    gates = Gates(control=passes, fluency=True, sign=True)
    still = Moved(0.1, 0.2, 0.3, 0.4)
    given = {"method": "means", "pairs": 4, "agreement": 0.5, "angle": 0.0, "noise": 0.0}
    given |= {"strength": 0.5, "random": 0.0, "cosine": 0.9, **changed}
    return DrawScore(draw=draw, moved=still, reverse=still, gates=gates, **given)


def test_shares_are_over_draws_of_one_network_and_over_several_networks():
    one = [score(n < 5, n) for n in range(10)]
    (row,) = gates_table({"a": one}, "pairs", "mood", 1 / 21).rows
    assert (row["control"].value, row["control"].n, row["draws"]) == (0.5, 10, 10)
    # Wilson's score interval of 5 of 10: 1/2 ± z √(1/40 + z²/400) / (1 + z²/10), with z = 1.96
    half = 1.96 * math.sqrt(1 / 40 + 1.96**2 / 400) / (1 + 1.96**2 / 10)
    assert row["control"].high - 0.5 == pytest.approx(half, abs=1e-4)
    both = {"a": one, "b": [score(True, n) for n in range(10)]}
    table = gates_table(both, "pairs", "mood", 1 / 21)
    (row,) = table.rows
    assert (row["control"].value, row["control"].n, row["draws"]) == (0.75, 2, 20)
    assert "over 2 networks (Student's t)" in table.spread


def test_a_share_counts_all_draws_of_a_level_whatever_else_was_planted():
    draws = [score(True, 0, noise=0.0), score(False, 0, noise=0.4), score(True, 0, pairs=32)]
    rows = gates_table({"a": draws}, "pairs", "mood", 0.05).rows
    assert [(row["pairs"], row["all"].value) for row in rows] == [(4, 0.5), (32, 1.0)]
    by_noise = gates_table({"a": draws}, "noise", "mood", 0.05).rows
    assert [(row["noise"], row["all"].value) for row in by_noise] == [(0.0, 1.0), (0.4, 0.0)]
    frame = scores_frame({"a": draws})
    assert list(frame["all"]) == [True, False, True]
    assert not frame.isna().to_numpy().any()


def test_a_figure_has_the_levels_of_each_planted_thing_and_each_network_while_they_are_few():
    planted = ({}, {"noise": 0.4}, {"pairs": 32})
    draws = [score(True, 0, method=name, **one) for name in ("means", "random") for one in planted]
    alone, three = (gates_figure(dict.fromkeys(names, draws), "A title") for names in ("a", "abc"))
    ticks = [[label.get_text() for label in ax.get_xticklabels()] for ax in alone.axes]
    assert ticks == [["4", "32"], ["0"], ["0", "0.4"]]
    dots = [sum(line.get_marker() == "." for line in one.axes[0].lines) for one in (alone, three)]
    assert dots == [0, 6]
