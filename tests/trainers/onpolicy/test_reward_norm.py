"""The running normaliser against moments computed from the whole history."""

import numpy as np
import pytest

from chisel.trainers.onpolicy.reward_norm import RewardNormalizer


def slow(rewards, dones, gamma, clip):
    """Keep every discounted return ever seen, and take its variance anew in every step."""
    seen, running = [], np.zeros(rewards.shape[1])
    out = np.zeros_like(rewards)
    for t in range(len(rewards)):
        running = gamma * running + rewards[t]
        seen.append(running.copy())
        out[t] = rewards[t] / np.sqrt(np.var(np.array(seen)) + 1e-8)
        running[dones[t]] = 0
    return out.clip(-clip, clip)


@pytest.fixture
def history():
    rng = np.random.default_rng(0)
    rewards = np.where(rng.random((300, 8)) < 0.1, 10.0, 0.0) + rng.normal(size=(300, 8))
    return rewards, rng.random((300, 8)) < 0.1


def test_normalised_rewards_equal_those_from_the_whole_history(history):
    rewards, dones = history
    ours = RewardNormalizer(8, gamma=0.99, clip=10.0)(rewards, dones)
    # The prior count of 1e-4 with variance 1 fades within the first steps.
    np.testing.assert_allclose(ours[5:], slow(rewards, dones, 0.99, 10.0)[5:], rtol=1e-4)


def test_two_halves_of_training_give_the_bits_of_one_run(history):
    rewards, dones = history
    whole = RewardNormalizer(8, gamma=0.99, clip=10.0)(rewards, dones)
    first = RewardNormalizer(8, gamma=0.99, clip=10.0)
    one = first(rewards[:150], dones[:150])
    second = RewardNormalizer(8, gamma=0.99, clip=10.0)
    second.set_state(first.get_state())
    np.testing.assert_array_equal(np.concatenate([one, second(rewards[150:], dones[150:])]), whole)


def test_rewards_are_clipped_on_both_sides():
    rewards = np.array([[1e-3, -1e-3], [50.0, -50.0]])
    out = RewardNormalizer(2, gamma=0.0, clip=1.0)(rewards, np.zeros((2, 2), bool))
    assert out.min() >= -1
    assert out.max() <= 1
