"""Regressions recover known coefficients, and find no signal in noise."""

import math

import numpy as np
import pandas as pd
import pytest

from chisel.analysis.maze.behaviour import (
    METRICS,
    cross_validate,
    drop_one,
    heat_map,
    inflation,
    prepare,
    regress,
    sign_flips,
    statistics,
)
from chisel.analysis.maze.behaviour.regression import Data, fit, redrawn, z_scores
from chisel.analysis.maze.behaviour.validation import means
from chisel.analysis.results import plain
from chisel.configs import ConfigError

TRUE = {"far": -1.5, "near": 0.8, "idle": 0.0}


def invented(generator, n=1500, true=TRUE, intercept=0.4, **more):
    """Episodes that ended at the cheese with log-odds of known coefficients."""
    z = generator.normal(size=(n, len(true)))
    odds = z @ np.array(list(true.values())) + intercept
    columns = {name: z[:, place] for place, name in enumerate(true)}
    columns["cheese"] = generator.random(n) < 1 / (1 + np.exp(-odds))
    columns["layout"] = np.arange(n)
    return pd.DataFrame(columns | more)


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def test_known_coefficients_are_found_again_in_sign_order_and_size(generator):
    found = regress(prepare(invented(generator), list(TRUE)), generator, resamples=100)
    assert list(found.coefficients) == list(TRUE)
    for name, one in found.coefficients.items():
        # Deviations of the sample are within a few per cent of 1.
        assert one.value == pytest.approx(TRUE[name], abs=0.2)
        assert one.low <= one.value <= one.high
    values = {name: one.value for name, one in found.coefficients.items()}
    assert values["far"] < values["idle"] < values["near"]
    assert found.intercept.value == pytest.approx(0.4, abs=0.15)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    covered, trials = 0, 25
    for seed in range(trials):
        draws = np.random.default_rng(seed)
        data = prepare(invented(draws, n=400), list(TRUE))
        found = regress(data, draws, resamples=40).coefficients["near"]
        covered += found.low <= TRUE["near"] <= found.high
    # 95 % of 25 is 24; fewer than 19 has a probability of 1 in 3,000 even at 90 %.
    assert covered >= 19


def test_the_unit_of_a_variable_changes_nothing(generator):
    frame = invented(generator)
    scaled = frame.assign(far=frame["far"] * 1000 + 7)
    lines = [
        fit(prepare(one, list(TRUE)).z, one["cheese"], np.random.default_rng(1))
        for one in (frame, scaled)
    ]
    np.testing.assert_allclose(*lines, atol=1e-6)


def factors(columns):
    """Variance inflation factors of columns `[E, K]`."""
    names = tuple(map(str, range(columns.shape[1])))
    found = inflation(Data(names, columns, np.ones(len(columns), bool), np.arange(len(columns))))
    assert tuple(found) == names
    return [one.value for one in found.values()]


def test_variance_inflation_is_one_over_one_minus_r_squared_in_closed_form():
    # Orthogonal a, b of length 1 and c = a cos t + b sin t: on a alone R² of c is cos² t.
    a, b = np.array([1.0, -1, 1, -1]), np.array([1.0, 1, -1, -1])
    t = 0.7
    pair = np.column_stack([a, a * math.cos(t) + b * math.sin(t)])
    np.testing.assert_allclose(factors(pair), 1 / math.sin(t) ** 2)
    np.testing.assert_allclose(factors(np.column_stack([a, b])), 1)
    assert np.isinf(factors(np.column_stack([a, b, a + 2 * b]))).all()
    np.testing.assert_allclose(factors(np.column_stack([a, b, np.ones(4)])), [1, 1, np.nan])


def test_validation_beats_the_base_rate_only_where_there_is_signal(generator):
    signal = cross_validate(prepare(invented(generator), list(TRUE)), generator)
    assert signal.log_loss_gain.low > 0.05
    assert signal.accuracy_gain.low > 0.05
    assert signal.log_loss.value < signal.base_log_loss.value
    noise = invented(generator, true=dict.fromkeys(TRUE, 0.0), intercept=0.8)
    nothing = cross_validate(prepare(noise, list(TRUE)), generator)
    assert nothing.log_loss_gain.high < 0.01
    assert abs(nothing.accuracy_gain.value) < 0.02
    share = noise["cheese"].mean()
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    assert nothing.base_log_loss.value == pytest.approx(entropy, abs=0.005)
    assert nothing.base_accuracy.value == pytest.approx(max(share, 1 - share))


def test_episodes_in_the_same_layout_are_never_on_both_sides(generator):
    # Each layout has an outcome of its own and a column that names it: whoever has seen another
    # episode of the layout knows how this one ends.
    layouts = np.repeat(np.arange(60), 20)
    outcome = generator.random(60) < 0.5
    names = {f"is {k}": (layouts == k).astype(float) for k in range(60)}
    frame = pd.DataFrame({"cheese": outcome[layouts], "layout": layouts, **names})
    found = cross_validate(prepare(frame, list(names)), generator)
    assert found.accuracy.value < 0.75


def test_drop_one_shows_what_each_variable_is_worth(generator):
    found = drop_one(prepare(invented(generator), list(TRUE)), generator)
    losses = {name: one.log_loss.value for name, one in found.items()}
    assert losses["without far"] > losses["without near"] > losses["without idle"]
    assert losses["only far"] < losses["only near"] < losses["only idle"]


def test_a_sign_that_depends_on_other_variables_flips_and_another_stays(generator):
    cause = generator.normal(size=3000)
    # Alone the shadow looks useful; beside the cause its true, opposite effect shows.
    shadow = cause + 0.5 * generator.normal(size=3000)
    odds = 3 * cause - 1.2 * shadow
    cheese = generator.random(3000) < 1 / (1 + np.exp(-odds))
    columns = {"cause": cause, "shadow": shadow, "cheese": cheese, "layout": np.arange(3000)}
    data = prepare(pd.DataFrame(columns), ["cause", "shadow"])
    found = sign_flips(data, generator, subsets=60)
    assert found["cause"]["flips"].value == found["shadow"]["zeros"].value == 0
    assert found["shadow"]["alone"].value == 1
    # Of {shadow}, {both} and {cause}, equally likely, it is in two, and flips in one of these.
    assert 0.25 < found["shadow"]["flips"].value < 0.75
    assert 25 < found["shadow"]["flips"].n < 55
    assert all(
        math.isnan(one["flips"].value) for one in sign_flips(data, generator, subsets=0).values()
    )


def test_a_second_batch_has_the_z_scores_of_the_first_ones_scale():
    first, second = np.array([[0.0], [2.0]]), np.array([[3.0]])
    np.testing.assert_allclose(z_scores(second, first), [[2.0]])


def test_redrawing_takes_whole_layouts(generator):
    groups = np.array([7, 7, 3, 3, 3])
    for weights in redrawn(groups, generator, 50):
        assert weights[0] == weights[1]
        assert len(set(weights[2:])) == 1
        assert weights[0] + weights[2] == 2


def test_intervals_widen_when_episodes_repeat_each_other(generator):
    values = (np.arange(400) % 2).astype(float)
    alone = means([values], np.arange(400), generator)[0]
    repeated = means([np.repeat(values[:20], 20)], np.repeat(np.arange(20), 20), generator)[0]
    assert alone.value == repeated.value == 0.5
    assert alone.high - alone.low == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 400), rel=0.15)
    assert repeated.high - repeated.low == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 20), rel=0.2)


def test_a_heat_map_has_the_share_and_number_of_each_offset():
    frame = pd.DataFrame(
        {
            "row_offset": np.array([0, 0, 2, 2]),
            "col_offset": np.array([-1, -1, 0, 1]),
            "cheese": np.array([True, False, True, False]),
        }
    )
    found = heat_map(frame, "offset")
    assert found.to_dict("records") == [
        {"rows": 0, "columns": -1, "share": 0.5, "n": 2},
        {"rows": 2, "columns": 0, "share": 1, "n": 1},
        {"rows": 2, "columns": 1, "share": 0, "n": 1},
    ]


@pytest.mark.parametrize("cheese", [np.zeros(50, bool), np.arange(50) < 45])
def test_nearly_equal_ends_are_refused_with_what_to_do(cheese):
    frame = pd.DataFrame({"x": np.arange(50.0), "cheese": cheese, "layout": np.arange(50)})
    with pytest.raises(ConfigError, match="play more levels"):
        prepare(frame, ["x"])


def batch(generator, layouts):
    """Episodes that one metric explains, in these layouts."""
    n = len(layouts)
    metrics = {name: generator.normal(size=n) for name in METRICS}
    odds = -1.5 * metrics["euclid_cheese_corner"]
    cheese = generator.random(n) < 1 / (1 + np.exp(-odds))
    return pd.DataFrame(
        metrics | {"cheese": cheese, "corner": ~cheese, "layout": np.array(layouts)}
    )


def test_statistics_are_complete_and_read_a_second_batch_without_the_layouts_of_the_first(
    generator,
):
    first, others = batch(generator, range(160)), batch(generator, range(160, 320))
    # In layouts that both have, the second batch says the opposite of what the first one does.
    shared = batch(generator, range(100))
    shared = shared.assign(cheese=~shared["cheese"])
    both = pd.concat([shared, others])
    variables = ["euclid_cheese_corner", "cheese_norm"]
    found, expected = (
        dict(statistics(first, second, variables, np.random.default_rng(3)))
        for second in (both, others)
    )
    assert found.pop("new")["episodes"].value == pytest.approx(160 / 260)
    assert expected.pop("new")["episodes"].value == 1
    assert plain(found) == plain(expected)
    assert found["regression"]["coefficients"]["euclid_cheese_corner"].high < 0
    assert found["carried"]["log_loss_gain"].low > 0
    assert found["carried"]["log_loss"].n == 160
    assert list(found["signs"]) == list(METRICS)


def test_a_second_batch_of_the_same_layouts_alone_is_refused(generator):
    one, other = batch(generator, range(160)), batch(generator, range(160))
    with pytest.raises(ConfigError, match="second batch has no layout"):
        statistics(one, other, ["cheese_norm"], generator)
