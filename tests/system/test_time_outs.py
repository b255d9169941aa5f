"""procgen gives no last observation, so a time-out must not look at the next level."""

import numpy as np
import torch

from tests.trainers.conftest import fit, make_ppo
from tests.trainers.onpolicy.test_ppo import Columns


def after_three_steps(next_levels):
    """Targets of a rollout that ends with a time-out in every maze, and what follows it."""
    from chisel import configs, envs

    overrides = ["env.timeout=3", "env.levels.min_size=5", "env.observation=pixels"]
    env = envs.make(configs.load("maze/smoke", overrides).env, seed=0)
    module = make_ppo(env, num_steps=3, norm_reward=False)
    state = env.get_state()
    other = envs.make(configs.load("maze/smoke", overrides).env, seed=0)
    other.reset(seed=next_levels)
    state["level_sampler"]["generator"] = other.get_state()["level_sampler"]["generator"]
    env.set_state(state)
    columns = Columns("obs", "rewards", "dones", "values", "advantages", "returns")
    fit(module, epochs=1, callbacks=[columns])
    return columns


def test_targets_before_a_time_out_are_bit_equal_whatever_level_comes_next():
    one, two = after_three_steps(1), after_three_steps(2)
    timed_out = one["dones"][-1] & (one["rewards"][-1] == 0)
    assert timed_out.any()
    assert not torch.equal(one.after[timed_out], two.after[timed_out])
    for name in ("obs", "values", "advantages", "returns"):
        assert torch.equal(one[name], two[name]), name
    gamma_free = one["returns"][-1][timed_out] - one["rewards"][-1][timed_out]
    assert np.abs(gamma_free.numpy()).max() < 1e-6
