"""Intervals agree with scipy and cover what they claim."""

import json
import math

import numpy as np
import pytest
from scipy import stats as reference

from analysis import stats


@pytest.mark.parametrize("n", [1, 2, 7, 50, 1000])
def test_the_wilson_interval_is_scipys(n):
    for successes in {0, 1, n // 3, n - 1, n}:
        found = stats.proportion(successes, n)
        expected = reference.binomtest(successes, n).proportion_ci(0.95, method="wilson")
        assert found.value == successes / n
        assert found.low == pytest.approx(expected.low, abs=1e-12)
        assert found.high == pytest.approx(expected.high, abs=1e-12)


@pytest.mark.parametrize(("successes", "n"), [(-1, 3), (4, 3), (1, 0)])
def test_an_impossible_proportion_is_refused(successes, n):
    with pytest.raises(ValueError, match="successes of"):
        stats.proportion(successes, n)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_the_interval_over_seeds_is_scipys(n):
    values = np.random.default_rng(n).normal(5, 2, n)
    found = stats.mean_over_seeds(values)
    expected = reference.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.value == pytest.approx(values.mean())


def test_one_seed_has_a_mean_and_no_interval():
    found = stats.mean_over_seeds([3.0])
    assert found.value == 3.0
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert json.dumps(found.to_plain()) == '{"value": 3.0, "low": null, "high": null, "n": 1}'


def test_nothing_is_nan_not_an_error():
    for found in (
        stats.proportion(0, 0),
        stats.mean_over_seeds([]),
        stats.bootstrap_mean([], np.random.default_rng(0)),
    ):
        assert found.n == 0
        assert found.to_plain()["value"] is None


def test_the_bootstrap_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(300):
        found = stats.bootstrap_mean(rng.exponential(2.0, 60), rng, resamples=400)
        hits += found.low <= 2.0 <= found.high
    assert 0.88 <= hits / 300 <= 0.98


def test_the_bootstrap_is_that_of_scipy_up_to_its_randomness():
    values = np.random.default_rng(1).integers(0, 11, 200).astype(float)
    found = stats.bootstrap_mean(values, np.random.default_rng(2), resamples=20_000)
    expected = reference.bootstrap(
        (values,), np.mean, n_resamples=5000, method="percentile", rng=np.random.default_rng(3)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.05)


def test_a_band_is_the_interval_at_every_point():
    curves = list(np.random.default_rng(4).normal(size=(4, 6)))
    mean, low, high = stats.band(curves)
    for t in range(6):
        point = stats.mean_over_seeds([curve[t] for curve in curves])
        assert (mean[t], low[t], high[t]) == pytest.approx((point.value, point.low, point.high))
    mean, low, high = stats.band(curves[:1])
    assert np.isnan(low).all()
    assert np.isnan(high).all()
