"""The soak plays so many steps, and ends at the first number that is not finite."""

import numpy as np
import pytest

from benchmarks import soak


def test_it_counts_what_it_played_and_reads_memory_at_every_tenth():
    found = soak.soak(64 * 260)
    assert found["steps"] == 64 * 260
    assert found["episodes"] >= 64
    assert len(found["memory_mib"]) == soak.POINTS


def test_a_number_that_is_not_finite_ends_it(monkeypatch):
    step = soak.SafeLifeVectorEnv.step

    def broken(env, actions):
        obs, rewards, *others = step(env, actions)
        return obs, np.full_like(rewards, np.nan), *others

    monkeypatch.setattr(soak.SafeLifeVectorEnv, "step", broken)
    with pytest.raises(FloatingPointError, match="after 64 steps"):
        soak.soak(640)
