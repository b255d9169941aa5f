"""Aggregates agree with SciPy, and their intervals hold as often as they claim."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from chisel.analysis.results import (
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
)

RUNS = st.lists(st.integers(-4, 4).map(float), min_size=10, max_size=25)


@settings(max_examples=30, deadline=None)
@given(st.lists(RUNS, min_size=1, max_size=3))
def test_the_interquartile_mean_is_scipys_mean_trimmed_by_a_quarter_of_all_runs(tasks):
    found = interquartile_mean(tasks, np.random.default_rng(0))
    together = np.concatenate(tasks)
    assert found.value == pytest.approx(reference.trim_mean(together, 0.25))
    assert found.n == len(together)
    assert np.isnan(found.low) or found.low < found.high


@settings(max_examples=30, deadline=None)
@given(RUNS, RUNS)
def test_the_probability_of_improvement_is_mann_whitneys_u_by_the_number_of_pairs(first, second):
    found = probability_of_improvement([first], [second], np.random.default_rng(0))
    u = reference.mannwhitneyu(first, second).statistic
    assert found.value == pytest.approx(u / (len(first) * len(second)))
    assert 0 <= found.low <= found.value <= found.high <= 1
    other = probability_of_improvement([second], [first], np.random.default_rng(0))
    assert other.value == pytest.approx(1 - found.value)


@settings(max_examples=30, deadline=None)
@given(RUNS, st.lists(st.floats(-5, 5), min_size=1, max_size=9))
def test_a_profile_is_the_empirical_survival_function_with_clopper_and_pearsons_interval(
    runs, thresholds
):
    found = performance_profile([runs], thresholds, np.random.default_rng(0))
    expected = reference.ecdf(runs).sf.evaluate(thresholds)
    np.testing.assert_allclose(found["share"], expected)
    for row in found.itertuples():
        exact = reference.binomtest(round(row.share * len(runs)), len(runs)).proportion_ci(0.95)
        assert (row.low, row.high) == pytest.approx((exact.low, exact.high), abs=0.04)


def test_tasks_weigh_the_same_in_profiles_and_improvement_whatever_their_number_of_runs():
    tasks, others = [np.zeros(10), np.ones(30)], [np.ones(20), np.zeros(10)]
    found = probability_of_improvement(tasks, others, np.random.default_rng(0))
    assert (found.value, found.n) == (0.5, 30)
    profile = performance_profile(tasks, [0.5], np.random.default_rng(0))
    assert profile["share"].tolist() == [0.5]


def test_runs_are_redrawn_within_their_task():
    # Each task's runs are all equal: whichever are drawn, the aggregate is the same.
    tasks = [np.zeros(10), np.ones(10)]
    found = interquartile_mean(tasks, np.random.default_rng(0))
    assert found.value == 0.5
    assert np.isnan(found.low)


def test_groups_that_are_apart_have_an_interval_with_a_width():
    found = probability_of_improvement([range(10, 20)], [range(10)], np.random.default_rng(0))
    assert found.value == 1
    assert 0.6 < found.low < 0.8
    assert found.high == 1


@pytest.mark.parametrize("few", [[], [[1.0] * 9], [[1.0] * 10, [1.0] * 9]])
def test_fewer_than_ten_runs_are_refused_with_what_to_use_instead(few):
    draws = np.random.default_rng(0)
    for refused in (
        lambda: interquartile_mean(few, draws),
        lambda: probability_of_improvement(few, few, draws),
        lambda: performance_profile(few, [0.5], draws),
    ):
        with pytest.raises(ValueError, match=r"aggregates need 10.*mean_over_seeds"):
            refused()
