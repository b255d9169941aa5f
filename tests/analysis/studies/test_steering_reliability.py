"""`steering-reliability` finds a planted direction, and sees how far a confound turns it away."""

import math
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from chisel.analysis.language import StoryModel, probe_direction
from chisel.analysis.results import load_networks
from chisel.analysis.studies.language import reliability
from chisel.configs import ConfigError
from chisel.corpora.stories import confound_angle, words_by_side
from tests.analysis.language.bag_of_words import GRAMMAR, MOOD, WEATHER, bag_of_words

SHIPPED = str(Path(__file__).parents[3] / "agents" / "language-stories" / "seed-0")
OPTIONS = reliability._Options(
    concept="mood",
    confound="weather",
    pairs=(64,),
    agreements=(0.5, 1.0),
    noises=(0.0,),
    draws=1,
    read="evidence",
    layer=0,
    strengths=(0.25, 0.5),
    prompts=6,
    controls=20,
    rise=math.inf,
    many=256,
    seed=0,
)


@pytest.fixture(scope="module")
def network():
    return StoryModel(bag_of_words(), GRAMMAR, [0], seed=0)


@pytest.fixture(scope="module")
def bench(network):
    return reliability._Bench(network, 0, OPTIONS)


def tilt(vector):
    """Degrees from the axis of mood towards that of weather."""
    return math.degrees(math.atan2(vector @ WEATHER, vector @ MOOD))


@pytest.mark.parametrize(
    ("agreement", "degrees"),
    # Four words speak for the mood, three for the weather, each with .9 for the right side: the
    # mean evidence is 3.2, and 2.4 times what the agreement makes of it.
    [(0.5, 0.0), (0.75, math.degrees(math.atan(1.2 / 3.2))), (1.0, math.degrees(math.atan(0.75)))],
)
def test_the_difference_in_means_is_turned_by_the_confound_as_far_as_counts_say(
    bench, agreement, degrees
):
    plus, minus = bench._sides(512, agreement, 0.0, np.random.default_rng(0), "weather")
    found = (plus.values - minus.values).mean(0)
    assert tilt(found) == pytest.approx(degrees, abs=2)
    assert (found @ MOOD).item() == pytest.approx(2 * 3.2 / 7, rel=0.05)  # of seven words
    torch.testing.assert_close(found[2:], torch.zeros(len(found) - 2))


def test_the_best_separator_of_what_is_read_is_turned_back_by_the_planted_angle(bench):
    agreement = 0.85
    sides = bench._sides(4000, agreement, 0.0, np.random.default_rng(0), "weather")
    plus, minus = (side.values for side in sides)
    means, plane = (plus - minus).mean(0), slice(0, 2)
    within = (torch.cov(plus[:, plane].T) + torch.cov(minus[:, plane].T)) / 2
    fisher = torch.cat([torch.linalg.solve(within, means[plane]), means[2:]])
    wanted = confound_angle(GRAMMAR, "mood", "weather", agreement)
    assert wanted > 15
    assert tilt(means) - tilt(fisher) == pytest.approx(wanted, abs=2.5)
    assert tilt(probe_direction(plus, minus, 1e4)) < tilt(means) - 5  # it goes the same way


def test_without_confound_and_noise_means_are_the_planted_direction_and_pass_all_gates(bench):
    scores = {one.method: one for one in bench.draw(64, 0.5, 0.0, 0)}
    assert scores["means"].gates.all
    assert scores["means"].angle == 0
    assert scores["means"].cosine > 0.9
    assert tilt(bench.clean) == pytest.approx(0, abs=3)
    assert list(scores) == [
        "means",
        "probe C=0.0001",
        "probe C=1",
        "probe C=10000",
        "SAE feature",
        "random",
    ]


def test_a_draw_of_exchanged_pairs_points_the_other_way_and_fails_the_sign_gate(bench):
    found = bench._vector(-bench.clean)
    strength, moved, reverse = bench._moved(found)
    assert moved.shift < 0 < reverse.shift
    assert strength == 0.25  # the least harm of what there is to choose from


def test_at_the_last_word_what_is_read_is_the_stream_there(network, bench):
    other = copy(bench)
    other.options = replace(OPTIONS, read="last")
    stories = GRAMMAR.sample(5, np.random.default_rng(0))
    side = other._read(stories)
    stream = network.streams(torch.from_numpy(stories.tokens))[0]
    for row, story in enumerate(stories.tokens):
        (*_, last) = np.flatnonzero(np.isin(story, words_by_side(GRAMMAR, "mood")))
        torch.testing.assert_close(side.values[row], stream[row, last - 1])
        torch.testing.assert_close(
            side.features[row], network.features[0].features(stream[row, last - 1])
        )


def test_a_clamped_feature_is_reversed_by_the_opposite_value(bench):
    plus, minus = bench._sides(64, 0.5, 0.0, np.random.default_rng(0), None)
    found = bench._methods(plus, minus)["SAE feature"]
    stream = torch.randn(2, 3, len(MOOD), generator=torch.Generator().manual_seed(0))
    there, back = (found.edit(sign * 0.5)(stream) - stream for sign in (1, -1))
    apart = (there - back)[:, 1:]
    wanted = bench.network.norms[0] * found.vector
    torch.testing.assert_close(apart, wanted.expand_as(apart))


def test_the_same_draw_has_the_same_pairs_whatever_else_is_asked(network, bench):
    other = reliability._Bench(network, 0, replace(OPTIONS, many=8, noises=(0.0, 0.4), draws=5))
    for one, two in zip(bench.draw(4, 0.5, 0.4, 1), other.draw(4, 0.5, 0.4, 1), strict=True):
        if one.method != "random":
            assert one.moved == two.moved


def run(**options):
    small = {"pairs": (1,), "agreements": (0.5,), "noises": (0.0,), "draws": 1, "prompts": 3}
    small |= {"many": 4, "strengths": (0.25,), "progress": lambda *_: None}
    return reliability.run((load_networks(SHIPPED),), **{**small, **options})


def test_what_cannot_be_measured_is_refused_in_one_line():
    with pytest.raises(ConfigError, match="confound=mood: it is the concept itself"):
        run(confound="mood")
    with pytest.raises(ConfigError, match="concept=topic: "):
        run(concept="topic")
    with pytest.raises(ConfigError, match="confound=wether: did you mean 'weather'"):
        run(confound="wether")
    with pytest.raises(ConfigError, match=r"no site 'block\.9\.in'"):
        run(layer=9)


def test_a_network_that_does_not_carry_the_concept_is_refused_with_what_it_carries():
    with pytest.raises(
        ConfigError, match=r"carries=0\.99: no network carries mood so far; .* 0\.3"
    ):
        run(carries=0.99)


def test_one_pair_of_a_network_that_carries_the_mood_gives_rows_for_each_method():
    found = run(read="last")
    assert [row["draws"] for row in found.tables["pairs"].rows] == [1] * 6
    assert set(found.tables) == {"pairs", "angle", "noise"}
    assert found.data["networks"][0]["carried"] > 0.25
    assert found.data["chance_of_control"] == pytest.approx(1 / 21)
    assert len(found.frames["every-draw"]) == 6
