"""GAE against a slow transcription of its definition, one environment and one sum at a time."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chisel.trainers.onpolicy.advantages import gae


def slow_gae(rewards, values, dones, last_values, bootstrap, gamma, lam):
    """Equation 16: A_t is the sum over l of (gamma lam)^l delta_{t+l}, until an episode ends."""
    steps, envs = rewards.shape
    advantages = np.zeros((steps, envs))
    for env in range(envs):
        for t in range(steps):
            total, weight = 0.0, 1.0
            for k in range(t, steps):
                following = last_values[env] if k == steps - 1 else values[k + 1, env]
                worth = bootstrap[k, env] if dones[k, env] else following
                total += weight * (rewards[k, env] + gamma * worth - values[k, env])
                if dones[k, env]:
                    break
                weight *= gamma * lam
            advantages[t, env] = total
    return advantages


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_gae_equals_the_sum_of_its_definition_also_across_ends_and_time_outs(seed, gamma, lam):
    rng = np.random.default_rng(seed)
    steps, envs = rng.integers(1, 12), rng.integers(1, 4)
    rewards, values = rng.normal(size=(2, steps, envs))
    last = rng.normal(size=envs)
    dones = rng.random((steps, envs)) < 0.3
    bootstrap = np.where(
        dones & (rng.random((steps, envs)) < 0.5), rng.normal(size=(steps, envs)), 0
    )
    args = [torch.from_numpy(a) for a in (rewards, values, dones, last, bootstrap)]
    advantages, returns = gae(*args, gamma=gamma, gae_lambda=lam)
    expected = slow_gae(rewards, values, dones, last, bootstrap, gamma, lam)
    np.testing.assert_allclose(advantages, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(returns, expected + values, rtol=0, atol=1e-9)


def test_with_lambda_one_returns_are_discounted_sums_of_rewards():
    rewards = torch.tensor([[1.0], [2.0], [4.0]])
    values = torch.tensor([[9.0], [-3.0], [5.0]])
    none = torch.zeros(3, 1, dtype=torch.bool)
    _, returns = gae(
        rewards, values, none, torch.tensor([8.0]), torch.zeros(3, 1), gamma=0.5, gae_lambda=1.0
    )
    torch.testing.assert_close(returns, torch.tensor([[1 + 1 + 1 + 1.0], [2 + 2 + 2], [4 + 4]]))


def test_what_follows_an_end_never_enters_the_targets_before_it():
    rewards, values = torch.zeros(4, 1), torch.zeros(4, 1)
    dones = torch.tensor([[False], [True], [False], [False]])
    args = (torch.tensor([0.0]), torch.zeros(4, 1))
    before, _ = gae(rewards, values, dones, *args, gamma=0.99, gae_lambda=0.95)
    rewards, values = rewards.clone(), values.clone()
    rewards[2:], values[2:] = 100.0, -50.0
    after, _ = gae(rewards, values, dones, *args, gamma=0.99, gae_lambda=0.95)
    assert torch.equal(before[:2], after[:2])
