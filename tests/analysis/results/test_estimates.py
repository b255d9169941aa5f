"""Intervals agree with scipy and cover what they claim."""

import itertools
import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from chisel.analysis.results import estimates, plain


@pytest.mark.parametrize("n", [8, 50, 1000])
def test_with_four_successes_and_failures_or_none_the_interval_of_a_share_is_scipys_wilson(n):
    for successes in (4, n // 2, n - 4):
        found = estimates.proportion(successes, n)
        expected = reference.binomtest(successes, n).proportion_ci(0.95, method="wilson")
        assert found.value == successes / n
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    none = reference.binomtest(0, n).proportion_ci(0.95, method="wilson")
    assert estimates.proportion(0, n).high == pytest.approx(none.high, abs=1e-12)
    assert estimates.proportion(0, n).low == 0


@pytest.mark.parametrize("rare", [1, 2, 3])
def test_with_one_to_three_successes_the_lower_end_is_that_of_a_poisson_number(rare):
    # At a mean of `n * low` so many successes or more have a probability of 5 %.
    found, mirrored = estimates.proportion(rare, 100), estimates.proportion(100 - rare, 100)
    assert reference.poisson.sf(rare - 1, 100 * found.low) == pytest.approx(0.05)
    wilson = reference.binomtest(rare, 100).proportion_ci(0.95, method="wilson")
    assert found.low < wilson.low
    assert found.high == pytest.approx(wilson.high)
    ends = (1 - found.high, 1 - found.low)
    assert (mirrored.low, mirrored.high) == pytest.approx((ends[0], ends[1]))


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (-0.004, ".2f", "0.00"),
        (-0.006, ".2f", "-0.01"),
        (-0.0, "+.2g", "0"),
        (-20.0, ".0f", "-20"),
        (-1e-9, ".2g", "-1e-09"),
    ],
)
def test_what_rounds_to_zero_has_no_minus(value, form, text):
    found = estimates.Estimate(value, value, value, 1)
    assert found.text(form) == f"{text} ({text}, {text})"


@pytest.mark.parametrize(("successes", "n"), [(-1, 3), (4, 3), (1, 0)])
def test_an_impossible_proportion_is_refused(successes, n):
    with pytest.raises(ValueError, match="successes of"):
        estimates.proportion(successes, n)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_the_interval_over_seeds_equals_that_of_scipy(n):
    values = np.random.default_rng(n).normal(5, 2, n)
    found = estimates.mean_over_seeds(values)
    expected = reference.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.value == pytest.approx(values.mean())


def test_one_seed_has_a_mean_and_no_interval():
    found = estimates.mean_over_seeds([3.0])
    assert found.value == 3.0
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert json.dumps(plain(found)) == '{"value": 3.0, "low": null, "high": null, "n": 1}'


def test_estimates_of_no_values_are_nan_without_an_error():
    for found in (
        estimates.proportion(0, 0),
        estimates.mean_over_seeds([]),
        estimates.bootstrap_mean([], np.random.default_rng(0)),
    ):
        assert found.n == 0
        assert plain(found)["value"] is None


def test_the_bootstrap_of_many_values_equals_that_of_scipy_up_to_random_draws():
    values = np.random.default_rng(1).integers(0, 11, 200).astype(float)
    found = estimates.bootstrap_mean(values, np.random.default_rng(2), resamples=20_000)
    expected = reference.bootstrap(
        (values,), np.mean, n_resamples=5000, method="percentile", rng=np.random.default_rng(3)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.05)


@pytest.mark.parametrize("n", [2, 10, 29])
def test_below_thirty_values_the_bootstrap_is_students_t(n):
    rng = np.random.default_rng(n)
    values = rng.beta(2, 2, n)
    found = estimates.bootstrap_mean(values, rng)
    t = reference.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((t.low, t.high))


def test_at_thirty_values_the_bootstrap_is_as_wide_as_students_t():
    values = np.random.default_rng(0).normal(size=30)
    found = estimates.bootstrap_mean(values, np.random.default_rng(1), resamples=20_000)
    t = reference.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.high - found.low == pytest.approx(t.high - t.low, rel=0.03)


@pytest.mark.parametrize("values", [[3.0] * 5, [3.0] * 100])
def test_equal_values_without_a_range_have_no_interval(values):
    for found in (
        estimates.bootstrap_mean(values, np.random.default_rng(0)),
        estimates.mean_over_seeds(values),
    ):
        assert found.value == 3
        assert math.isnan(found.low)
        assert math.isnan(found.high)


@pytest.mark.parametrize(("successes", "n"), [(0, 2), (1, 5), (0, 30), (3, 30), (99, 100)])
def test_for_zeros_and_ones_the_interval_in_a_range_is_that_of_clopper_and_pearson(successes, n):
    values = [1.0] * successes + [0.0] * (n - successes)
    found = estimates.bootstrap_mean(
        values, np.random.default_rng(0), resamples=40_000, within=(0, 1)
    )
    exact = reference.binomtest(successes, n).proportion_ci(0.95, method="exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.01)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 64).map(lambda k: k / 64), min_size=2, max_size=40),
    st.tuples(st.integers(-3, 3), st.integers(1, 4)),
)
def test_intervals_within_a_range_stay_there_hold_the_mean_and_scale_with_it(values, range_):
    low, size = range_
    within, moved = (low, low + size), low + size * np.array(values)
    unit = estimates.bootstrap_mean(values, np.random.default_rng(0), resamples=200, within=(0, 1))
    assert 0 <= unit.low < unit.high <= 1
    assert unit.low <= unit.value <= unit.high
    found = estimates.bootstrap_mean(moved, np.random.default_rng(0), resamples=200, within=within)
    ends = low + size * np.array([unit.low, unit.high])
    assert (found.low, found.high) == pytest.approx(tuple(ends), abs=1e-6)
    seeds = estimates.mean_over_seeds(moved, within=within)
    assert within[0] <= seeds.low <= seeds.value + 1e-12
    assert seeds.value - 1e-12 <= seeds.high <= within[1]
    assert seeds.n == len(values)
    assert seeds.within == found.within == within


def test_seeds_that_are_all_equal_have_a_width_within_a_range():
    found = estimates.mean_over_seeds([1.0, 1, 1], within=(0, 1))
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(0.025 ** (1 / 3), abs=0.03)


def test_a_range_with_one_finite_end_cuts_the_interval_there():
    found = estimates.mean_over_seeds([0.1, 3.0], within=(0, math.inf))
    assert found.low == 0
    assert found.high == pytest.approx(estimates.mean_over_seeds([0.1, 3.0]).high)
    assert math.isnan(estimates.mean_over_seeds([1.0, 1], within=(0, math.inf)).low)


def test_values_beyond_the_range_are_refused_but_for_rounding():
    for estimate in (
        estimates.mean_over_seeds,
        lambda v, within: estimates.bootstrap_mean(v, np.random.default_rng(0), within=within),
    ):
        with pytest.raises(ValueError, match="not within"):
            estimate([0.5, 1.1], within=(0, 1))
        assert estimate([0.5, 1 + 1e-7], within=(0, 1)).high <= 1


@pytest.mark.parametrize("n", [1, 5, 6, 7, 30, 101])
def test_the_interval_of_a_median_equals_that_of_scipy(n):
    values = np.random.default_rng(n).normal(size=n)
    found, (low, high) = estimates.median(values), (math.nan, math.nan)
    if n > 5:
        low, high = reference.quantile_test(values, p=0.5).confidence_interval(0.95)
    assert found.value == np.median(values)
    assert (found.low, found.high) == pytest.approx((low, high), nan_ok=True)


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_the_permutation_p_of_values_that_are_not_finite_is_not_known(broken):
    assert math.isnan(estimates.permutation_p([0.1, broken], [0.7, 0.8]))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-3, 3), min_size=2, max_size=4),
    st.lists(st.integers(-3, 3), min_size=2, max_size=4),
)
def test_the_permutation_p_counts_all_assignments_of_the_values(first, second):
    together, n = first + second, len(first)
    means = []
    every = set(range(len(together)))
    for chosen in map(set, itertools.combinations(every, n)):
        a, b = ([together[i] for i in some] for some in (chosen, every - chosen))
        means.append(abs(Fraction(sum(a), len(a)) - Fraction(sum(b), len(b))))
    own = abs(Fraction(sum(first), n) - Fraction(sum(second), len(second)))
    expected = sum(mean >= own for mean in means) / len(means)
    assert estimates.permutation_p(first, second) == pytest.approx(expected)
    assert estimates.permutation_p(second, first) == pytest.approx(expected)


def test_three_seeds_against_three_are_at_best_a_tenth():
    assert estimates.permutation_p([0.1, 0.2, 0.3], [0.7, 0.8, 0.9]) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="without values"):
        estimates.permutation_p([], [1.0])


def test_with_many_assignments_the_permutation_p_is_estimated():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=15), rng.normal(0.7, size=15)
    expected = reference.ttest_ind(first, second).pvalue
    assert estimates.permutation_p(first, second) == pytest.approx(expected, abs=0.01)


def test_a_band_within_a_range_stays_there():
    curves = [np.array([0.1, 0.5]), np.array([0.9, 0.6])]
    mean, low, high = estimates.band(curves, within=(0, 1))
    assert (low[0], high[0]) == (0, 1)
    assert mean.tolist() == pytest.approx([0.5, 0.55])


def test_a_band_is_the_interval_at_every_point():
    curves = list(np.random.default_rng(4).normal(size=(4, 6)))
    mean, low, high = estimates.band(curves)
    for t in range(6):
        point = estimates.mean_over_seeds([curve[t] for curve in curves])
        assert (mean[t], low[t], high[t]) == pytest.approx((point.value, point.low, point.high))
    mean, low, high = estimates.band(curves[:1])
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_seeds_are_joined_leaf_by_leaf():
    trees = [
        {"a": {"b": estimates.Estimate(v, 0, 0, 9)}, "vif": estimates.Estimate(v, 0, 0, 9)}
        for v in (1.0, 3.0)
    ]
    trees[1]["vif"] = estimates.Estimate(math.inf, math.nan, math.nan, 9)
    joined = estimates.over_seeds(trees)
    found = joined["a"]["b"]
    # Student's t with one degree of freedom: 12.706; the standard error of 1 and 3 is 1.
    assert (found.value, found.n) == (2, 2)
    assert found.high == pytest.approx(2 + 12.706, abs=0.001)
    assert plain(joined)["vif"]["value"] is None
    assert estimates.over_seeds(trees[:1]) is trees[0]


def test_what_some_seeds_lack_is_left_out():
    one = estimates.Estimate(1.0, 0, 2, 9)
    joined = estimates.over_seeds([{"a": {"b": one, "c": one}, "d": one}, {"a": {"b": one}}])
    assert list(joined) == ["a"]
    assert list(joined["a"]) == ["b"]


def test_the_ends_for_amounts_are_where_halls_transformed_t_has_students_quantiles():
    values = np.array([0.0, 0, 0, 1, 4, 0, 9])
    found = estimates.bootstrap_mean(values, np.random.default_rng(0), within=(0, math.inf))
    n, skewness = len(values), reference.skew(values, bias=False)
    high = (values.mean() - found.high) / (values.std(ddof=1) / n**0.5)
    hall = high + skewness * high**2 / (3 * n**0.5) + skewness**2 * high**3 / (27 * n)
    hall += skewness / (6 * n**0.5)
    assert hall == pytest.approx(reference.t.ppf(0.025, n - 1))
    assert found.low == 0, "what would be below is cut off"
    with pytest.raises(ValueError, match="not within"):
        estimates.bootstrap_mean([-1.0, 2.0], np.random.default_rng(0), within=(0, math.inf))


class TestRatioOfMeans:
    def test_over_a_fixed_number_it_is_students_t_interval_divided(self):
        values = np.array([2.0, 3.0, 5.0, 4.0])
        found = estimates.ratio_of_means(values, np.full(4, 2.0))
        mean = estimates.mean_over_seeds(values)
        assert found.value == mean.value / 2
        assert (found.low, found.high) == pytest.approx((mean.low / 2, mean.high / 2))

    def test_at_its_ends_the_paired_difference_is_just_significant(self):
        above, below = np.random.default_rng(0).normal([[2.0], [5.0]], 1.0, (2, 9))
        found = estimates.ratio_of_means(above, below)
        for end in (found.low, found.high):
            assert reference.ttest_1samp(above - end * below, 0.0).pvalue == pytest.approx(0.05)

    def test_it_covers_the_true_ratio_of_correlated_pairs(self):
        rng, inside, trials = np.random.default_rng(1), 0, 2000
        for _ in range(trials):
            shared = rng.normal(0, 2, 6)
            above, below = 4 + shared + rng.normal(0, 1, 6), 10 + shared + rng.normal(0, 1, 6)
            found = estimates.ratio_of_means(above, below)
            inside += found.low <= 0.4 <= found.high
        assert inside / trials == pytest.approx(0.95, abs=0.015)

    @pytest.mark.parametrize(
        ("above", "below"),
        [
            ([1.0], [2.0]),
            ([1.0, 2.0, 3.0], [1.0, -1.2, 0.5]),
            ([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]),
            ([1.0, 2.0], [0.0, 0.0]),
            ([], []),
        ],
    )
    def test_where_it_is_not_bounded_there_is_no_interval(self, above, below):
        found = estimates.ratio_of_means(above, below)
        assert math.isnan(found.low)
        assert math.isnan(found.high)
        assert found.n == len(above)


def test_estimates_are_equal_if_their_numbers_are_and_a_missing_interval_is_one():
    one, other = (estimates.Estimate(0.5, float("nan"), float("nan"), 3) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != estimates.Estimate(0.5, 0.4, math.nan, 3)
    assert one != estimates.Estimate(math.nan, math.nan, math.nan, 3)
    assert estimates.Estimate(0.5, 0.4, 0.6, 3, (0, 1)) == estimates.Estimate(0.5, 0.4, 0.6, 3)
    assert one != 0.5
