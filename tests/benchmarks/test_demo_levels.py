"""The share of the demo's time that draws levels."""

import pytest

from benchmarks import demo_levels

TOY = ("model.channels=[2,2,2]", "env.num_envs=8", "algo.num_steps=16")


@pytest.mark.slow
@pytest.mark.usefixtures("procgen")
def test_either_engine_draws_the_levels_of_the_set_and_the_time_for_that_is_found():
    found = demo_levels.measure(128, 1, 100, TOY)
    for one in found.values():
        (turn,) = one["turns"]
        assert 0 < turn["drawing"] <= turn["the set"] < turn["all"]
        assert 0 < one["share of the demo"] < one["share of the profile"] < 1
