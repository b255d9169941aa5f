"""The sampled estimator against closed forms, published values, and its own error bars."""

import numpy as np
import pytest

from chisel.impact import ability, exact_power, optimality_probability, sampled_power
from tests.impact.power_worlds import FIGURE_1, fan, grid, random_chancy, values_by_sweeps


def test_a_grid_of_nine_has_its_published_power():
    """Corner .805, edge .836, centre .862 at γ = .6, from 50,000 draws."""
    published, spread = np.array([0.805, 0.836, 0.862]), 1 / np.sqrt(50_000)
    found = sampled_power(grid(3), 0.6, 50_000, np.random.default_rng(0))
    kinds = np.array([0, 1, 0, 1, 2, 1, 0, 1, 0])
    # Both have drawn as often; the published ones are rounded to a thousandth.
    margin = 3 * np.sqrt(2) * found.standard_error + 5e-4
    assert np.all(np.abs(found.mean - published[kinds]) < margin)
    assert np.all(found.standard_error < spread)
    assert found.error <= 1e-8


@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.99, 1.0])
def test_sampling_agrees_with_exact_power_and_optimality(gamma):
    found = sampled_power(FIGURE_1, gamma, 20_000, np.random.default_rng(1))
    exact = exact_power(FIGURE_1, gamma)
    assert np.all(np.abs(found.mean - exact) < 4 * found.standard_error)
    probabilities = optimality_probability(FIGURE_1, gamma, 0)
    error = np.sqrt(probabilities * (1 - probabilities) / found.draws)
    assert np.all(np.abs(found.optimal[0] - probabilities) < 4 * error)


def test_mean_and_standard_error_are_those_of_the_draws():
    """Across all batches; the draws do not fit into one."""
    world, draws = grid(20), 1500
    drawn = []

    def rewards(generator, shape):
        drawn.append(100 + generator.random(shape))
        return drawn[-1]

    found = sampled_power(world, 0.8, draws, np.random.default_rng(2), rewards=rewards)
    assert len(drawn) > 2
    best = ability(world, np.concatenate(drawn), 0.8)[0].max(axis=-1)
    assert np.allclose(found.mean, best.mean(axis=0), rtol=1e-12)
    assert np.allclose(found.standard_error, best.std(axis=0, ddof=1) / np.sqrt(draws), rtol=1e-6)


def test_rewards_can_have_any_distribution():
    """The largest of three exponentials is 1 + 1/2 + 1/3 on average."""
    found = sampled_power(
        fan(3),
        0.9,
        40_000,
        np.random.default_rng(3),
        rewards=lambda generator, shape: generator.exponential(size=shape),
    )
    assert abs(found.mean[0] - 11 / 6) < 4 * found.standard_error[0]


@pytest.mark.parametrize("gamma", [0.0, 0.7, 1.0])
def test_the_same_generator_gives_the_same_numbers(gamma):
    first, second = (
        sampled_power(grid(3), gamma, 100, np.random.default_rng(4)).mean for _ in range(2)
    )
    assert np.array_equal(first, second)


@pytest.mark.parametrize("world", [grid(3), random_chancy(5, 3, seed=0)], ids=["grid", "chancy"])
def test_ability_is_the_value_of_the_next_state(world):
    gamma, rewards = 0.8, np.random.default_rng(0).random((3, len(world)))
    found, _ = ability(world, rewards, gamma)
    likely = np.eye(len(world))[world] if world.ndim == 2 else world
    for reward, left in zip(rewards, found, strict=True):
        values = values_by_sweeps(world, reward, gamma)
        assert np.allclose(left, likely @ values, atol=1e-10, rtol=0)
        # (1 - γ)/γ (V* - R), where values are (1 - γ) V*.
        assert np.allclose(left.max(axis=1), (values - (1 - gamma) * reward) / gamma, atol=1e-9)


def test_one_draw_is_refused():
    with pytest.raises(ValueError, match="at least 2"):
        sampled_power(grid(3), 0.9, 1, np.random.default_rng(0))


def test_an_impossible_discount_is_refused():
    with pytest.raises(ValueError, match=r"gamma = 1\.01: a discount lies between 0 and 1"):
        sampled_power(grid(3), 1.01, 10, np.random.default_rng(0))
