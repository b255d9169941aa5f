"""Each layout counts once, however many of the levels it has."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from chisel.analysis.results import bootstrap_mean, plain, proportion
from chisel.analysis.results.layouts import by_layout, change_over_layouts, mean_over_layouts

NAN = np.nan


def draws():
    return np.random.default_rng(0)


def by_hand(values, layouts):
    """The means of what is known of each layout, by layout."""
    of = defaultdict(list)
    for value, layout in zip(values.tolist(), layouts.tolist(), strict=True):
        if value == value:  # nan is not itself
            of[layout].append(value)
    return [sum(of[layout]) / len(of[layout]) for layout in sorted(of)]


episodes = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        arrays.arrays(np.float64, n, elements=st.sampled_from([0.0, 1, 10, NAN])),
        arrays.arrays(np.int64, n, elements=st.integers(-3, 5)),
    )
)


@given(episodes)
def test_a_mean_over_layouts_is_that_of_a_dictionary_of_them(sample):
    values, layouts = sample
    expected = by_hand(values, layouts)
    assert by_layout(values, layouts).tolist() == pytest.approx(expected)
    for share in {False, not np.isin(10, values)}:
        found = mean_over_layouts(values, layouts, draws(), within=(0, 1) if share else None)
        assert found.n == len(expected)
        mean = np.mean(expected) if expected else NAN
        assert found.value == pytest.approx(mean, nan_ok=True)


@given(episodes, st.integers(2, 5))
def test_repeating_the_levels_of_any_layout_changes_neither_value_nor_interval(sample, times):
    values, layouts = sample
    again = layouts % 2 == 0  # only some of them
    counts = np.where(again, times, 1)
    share, more = not np.isin(10, values), layouts.repeat(counts)
    once = mean_over_layouts(values, layouts, draws(), within=(0, 1) if share else None)
    repeated = mean_over_layouts(
        values.repeat(counts), more, draws(), within=(0, 1) if share else None
    )
    assert plain(repeated) == plain(once)
    change = change_over_layouts(
        values, values[::-1], layouts, draws(), within=(0, 1) if share else None
    )
    after, before = values.repeat(counts), values[::-1].repeat(counts)
    again = change_over_layouts(after, before, more, draws(), within=(0, 1) if share else None)
    assert plain(again) == plain(change)


def test_shares_of_layouts_that_do_not_repeat_have_wilsons_interval():
    values = np.array([1.0, 0, NAN, 1])
    of = np.array([7, 8, 8, 9])
    assert mean_over_layouts(values, None, draws(), within=(0, 1)) == proportion(2, 3)
    assert mean_over_layouts(values, of, draws(), within=(0, 1)) == proportion(2, 3)
    assert mean_over_layouts(values == 1, np.arange(4), draws(), within=(0, 1)) == proportion(2, 4)
    mixed = mean_over_layouts(np.array([1.0, 0, 1, 1]), of, draws(), within=(0, 1))
    assert mixed == bootstrap_mean([1.0, 0.5, 1], draws(), within=(0, 1))
    assert mean_over_layouts(values, None, draws()) == bootstrap_mean([1.0, 0, 1], draws())


def test_a_metric_that_is_nan_in_all_episodes_has_no_value():
    for share in (False, True):
        nothing = mean_over_layouts(
            np.full(3, NAN), np.arange(3), draws(), within=(0, 1) if share else None
        )
        assert np.isnan(nothing.value)
        assert nothing.n == 0


def test_changes_are_paired_within_layouts():
    """Two layouts that gain a half each, whatever else varies: there is nothing to be unsure of."""
    layouts = np.array([0, 0, 1, 1, 1, 1])
    before = np.array([0.0, 0, 10, 10, 20, 20])
    after = before + np.array([1.0, 0, 1, 0, 0, 1])
    found = change_over_layouts(after, before, layouts, draws())
    assert found == bootstrap_mean([0.5, 0.5], draws())
    unequal = change_over_layouts(np.array([0.0, 1, 1]), np.zeros(3), np.array([4, 5, 5]), draws())
    assert unequal.value == 0.5, "the layout with two levels weighs no more than the other"


def clustered(generator, *, layouts=120, common=6, levels=300):
    """Half of the levels in a few layouts; each layout has a success rate of its own."""
    rates = generator.beta(0.6, 0.6, layouts)
    rare = generator.integers(common, layouts, levels // 2)
    of = np.concatenate([generator.integers(0, common, levels - len(rare)), rare])
    return (generator.random(levels) < rates[of]).astype(float), of


def test_intervals_over_layouts_hold_where_those_over_levels_do_not():
    generator = np.random.default_rng(3)
    held = {"layouts": 0, "levels": 0}
    for _ in range(150):
        values, of = clustered(generator)
        found = mean_over_layouts(values, of, generator, within=(0, 1))
        naive = proportion(int(values.sum()), len(values))
        held["layouts"] += found.low <= 0.5 <= found.high
        held["levels"] += naive.low <= 0.5 <= naive.high
    assert held["layouts"] >= 0.90 * 150
    assert held["levels"] <= 0.70 * 150
