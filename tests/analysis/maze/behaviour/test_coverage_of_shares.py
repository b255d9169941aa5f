"""Intervals of shares of episodes hold the truth as often as they say, also where mazes repeat."""

import numpy as np
import pytest

from chisel.analysis.maze.behaviour.validation import means


@pytest.mark.parametrize("rate", [0.01, 0.1])
def test_shares_of_episodes_that_repeat_their_mazes(rate):
    draws, found = np.random.default_rng(0), []
    for _ in range(200):
        sizes = draws.geometric(0.5, 60)
        ends = draws.random(sizes.sum()) < np.repeat(
            draws.beta(3 * rate, 3 * (1 - rate), 60), sizes
        )
        layouts = np.repeat(np.arange(60), sizes)
        found += means([ends.astype(float)], layouts, draws, within=(0, 1))
    held = [one.low <= rate <= one.high for one in found]
    assert np.mean(held) >= 0.93
