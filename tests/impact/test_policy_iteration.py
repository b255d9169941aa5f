"""Optimal values of many rewards against plain value iteration and against every policy."""

import numpy as np
import pytest

from chisel.impact import optimal_values
from chisel.impact.transitions import long_run
from tests.impact.power_worlds import (
    FIGURE_1,
    chains,
    grid,
    random_certain,
    random_chancy,
    values_by_sweeps,
)

WORLDS = [
    pytest.param(FIGURE_1, id="figure-1"),
    pytest.param(grid(3), id="grid"),
    pytest.param(random_certain(30, 2, seed=0), id="certain"),
    pytest.param(random_chancy(6, 3, seed=1), id="chancy"),
]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.9])
def test_values_are_those_of_value_iteration(world, gamma):
    rewards = np.random.default_rng(0).normal(size=(7, len(world)))
    found = optimal_values(world, rewards, gamma)
    for values, reward in zip(found.values, rewards, strict=True):
        assert np.allclose(values, values_by_sweeps(world, reward, gamma), atol=1e-10, rtol=0)
    assert found.error <= 1e-8


@pytest.mark.parametrize(
    "world", [random_certain(5, 2, seed=3), random_chancy(5, 2, seed=4, kept=0.3), FIGURE_1]
)
def test_without_discount_values_are_the_best_average_of_any_policy(world):
    rewards = np.random.default_rng(0).random((5, len(world)))
    averages = np.array([long_run(chain) @ rewards.T for chain in chains(world)])
    best = averages.max(axis=0).T
    assert np.allclose(optimal_values(world, rewards, 1.0).values, best, atol=1e-9, rtol=0)


@pytest.mark.parametrize("world", WORLDS)
def test_values_near_one_approach_those_at_one(world):
    rewards = np.random.default_rng(0).random((5, len(world)))
    near, at = (optimal_values(world, rewards, gamma).values for gamma in (1 - 1e-9, 1.0))
    assert np.allclose(near, at, atol=1e-7, rtol=0)


@pytest.mark.parametrize("gamma", [0.0, 0.9, 1.0])
def test_rewards_full_of_ties_are_solved_too(gamma):
    world = grid(4)
    rewards = np.concatenate([np.eye(16), np.zeros((1, 16)), np.ones((1, 16))])
    found = optimal_values(world, rewards, gamma)
    row, col = np.divmod(np.arange(16), 4)
    steps = np.abs(row[:, None] - row) + np.abs(col[:, None] - col)
    assert np.allclose(found.values[:16], float(gamma) ** steps, atol=1e-10, rtol=0)
    assert np.allclose(found.values[16:], [[0.0], [1.0]], atol=1e-12, rtol=0)


def test_deterministic_transitions_as_probabilities_give_the_same_result():
    world, rewards = random_certain(6, 3, seed=5), np.random.default_rng(0).random((4, 6))
    by_row = optimal_values(np.eye(6)[world], rewards, 0.9).values
    assert np.array_equal(by_row, optimal_values(world, rewards, 0.9).values)


def test_the_scale_of_rewards_does_not_matter():
    world, rewards = grid(5), np.random.default_rng(0).random((20, 25))
    small = optimal_values(world, rewards, 0.99).values
    large = optimal_values(world, 1e6 * rewards + 1e6, 0.99).values
    assert np.allclose(large, 1e6 * small + 1e6, rtol=1e-12)


@pytest.mark.parametrize("world", [grid(5), random_chancy(8, 3, seed=6)])
def test_the_reported_error_bounds_the_true_one_when_stopping_early(world):
    rewards = np.random.default_rng(0).random((50, len(world)))
    rough = optimal_values(world, rewards, 0.97, tolerance=0.5)
    exact = optimal_values(world, rewards, 0.97, tolerance=0.0)
    off = np.abs(rough.values - exact.values).max()
    assert 0 < off <= rough.error + 1e-12
    assert rough.error <= 0.5


@pytest.mark.parametrize(
    ("rewards", "message"),
    [
        (np.zeros((3, 8)), "one row per draw of 9"),
        (np.zeros(9), "one row per draw of 9"),
        (np.full((1, 9), np.inf), "finite"),
    ],
)
def test_rewards_that_do_not_fit_are_refused(rewards, message):
    with pytest.raises(ValueError, match=message):
        optimal_values(grid(3), rewards, 0.9)
