"""Estimates in mappings by name are joined over seeds."""

import math

import pytest

from chisel.analysis.results import Estimate, over_seeds, plain


def test_seeds_are_joined_leaf_by_leaf():
    trees = [{"a": {"b": Estimate(v, 0, 0, 9)}, "vif": Estimate(v, 0, 0, 9)} for v in (1.0, 3.0)]
    trees[1]["vif"] = Estimate(math.inf, math.nan, math.nan, 9)
    joined = over_seeds(trees)
    found = joined["a"]["b"]
    # Student's t with one degree of freedom: 12.706; the standard error of 1 and 3 is 1.
    assert (found.value, found.n) == (2, 2)
    assert found.high == pytest.approx(2 + 12.706, abs=0.001)
    assert plain(joined)["vif"]["value"] is None
    assert over_seeds(trees[:1]) is trees[0]


def test_what_some_seeds_lack_is_left_out():
    one = Estimate(1.0, 0, 2, 9)
    joined = over_seeds([{"a": {"b": one, "c": one}, "d": one}, {"a": {"b": one}}])
    assert list(joined) == ["a"]
    assert list(joined["a"]) == ["b"]
