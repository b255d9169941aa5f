"""Exact POWER against closed forms derived by hand, and the properties that it must have."""

import math

import numpy as np
import pytest

from chisel.impact import (
    TooLargeError,
    exact_power,
    expected_maximum,
    futures,
    integrated_power,
    optimality_probability,
    sampled_power,
)
from tests.impact import power_worlds as worlds
from tests.impact.power_worlds import FIGURE_1, WAIT_WORLD, fan, random_certain, random_chancy

EXACT = 1e-9
GAMMAS = (0.0, 1e-9, 0.1, 0.5, 0.9, 0.999, 1 - 1e-9, 1.0)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_waiting_for_more_has_the_power_that_integration_by_hand_gives(gamma):
    power = exact_power(WAIT_WORLD, gamma)
    expected = [2 / 3 + gamma**2 / 12, 1 / 2, 2 / 3, 1 / 2, 1 / 2]
    assert np.allclose(power, expected, atol=EXACT, rtol=0)
    candy, wait = optimality_probability(WAIT_WORLD, gamma, worlds.START)
    assert wait == pytest.approx(1 / 2 + gamma / 6, abs=EXACT)
    assert candy == pytest.approx(1 / 2 - gamma / 6, abs=EXACT)


@pytest.mark.parametrize("children", [1, 2, 3, 7, 12, 30])
@pytest.mark.parametrize("gamma", [0.0, 0.6, 1.0])
def test_power_of_a_choice_of_n_ends_is_the_expected_largest_of_n_rewards(children, gamma):
    world = fan(children)
    assert exact_power(world, gamma, [0]) == pytest.approx(children / (children + 1), abs=EXACT)
    probabilities = optimality_probability(world, gamma, 0)
    assert np.allclose(probabilities, 1 / children, atol=EXACT, rtol=0)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_figure_1_has_its_closed_forms(gamma):
    power = exact_power(FIGURE_1, gamma)
    slow = 1 / 2 + gamma / (6 * (1 + gamma))
    fast = 1 / 2 + 1 / (6 * (1 + gamma))
    expected = [1 / 2, fast, slow, fast, 2 / 3, 2 / 3, 2 / 3]
    assert np.allclose(power[1:], expected, atol=EXACT, rtol=0)


def test_the_star_of_figure_1_has_its_limits():
    power = {gamma: exact_power(FIGURE_1, gamma, [worlds.STAR])[0] for gamma in (0, 1)}
    assert power == pytest.approx({0: 3 / 4, 1: 517 / 640}, abs=EXACT)
    nothing, left, right = optimality_probability(FIGURE_1, 1.0, worlds.STAR)
    assert nothing == pytest.approx(113 / 480, abs=EXACT)
    assert left == pytest.approx(47 / 160, abs=EXACT)
    assert right == pytest.approx(113 / 240, abs=EXACT)


@pytest.mark.parametrize(
    ("gamma", "published"), [(0.1, 0.7447), (0.5, 0.7394), (0.9, 0.7868), (0.999, 0.8076)]
)
def test_the_star_of_figure_1_agrees_with_a_million_draws(gamma, published):
    assert exact_power(FIGURE_1, gamma, [worlds.STAR])[0] == pytest.approx(published, abs=5e-4)


def test_one_of_eleven_ends_is_rarely_the_best_in_the_long_run():
    """The example after Russell and Norvig: avoiding one of eleven 1-cycles is optimal 10 in 11."""
    steps = np.minimum(np.arange(11) + 1, 10)
    world = np.vstack(
        [
            np.stack([steps, np.arange(11, 22)], axis=1),  # go on along a corridor, or in
            np.repeat(np.arange(11, 22)[:, None], 2, axis=1),
        ]
    )
    world[10, 0] = 21
    avoid, enter = optimality_probability(world, 1.0, 0)
    assert (avoid, enter) == pytest.approx((10 / 11, 1 / 11), abs=EXACT)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_a_random_transition_counts_as_the_mean_of_its_ends(gamma):
    """E max(z, (x + y) / 2) = 1/2 + E m² / 2 with m = (x + y) / 2, and E m² = 7/24."""
    world = np.zeros((4, 2, 4))
    world[0, 0, 1] = 1
    world[0, 1, 2:] = 1 / 2
    world[np.arange(1, 4), :, np.arange(1, 4)] = 1
    assert exact_power(world, gamma, [0]) == pytest.approx(31 / 48, abs=EXACT)


RANDOM = [
    pytest.param(random_certain(5, 3, seed=1), id="certain-5"),
    pytest.param(random_certain(4, 2, seed=2), id="certain-4"),
    pytest.param(random_chancy(4, 2, seed=3), id="chancy-4"),
    pytest.param(random_chancy(3, 3, seed=4), id="chancy-3"),
]


@pytest.mark.parametrize("world", RANDOM)
@pytest.mark.parametrize("gamma", [0.0, 0.4, 0.95, 1.0])
def test_power_of_worlds_without_structure_agrees_with_sampling(world, gamma):
    sampled = sampled_power(world, gamma, 4000, np.random.default_rng(0))
    exact = exact_power(world, gamma)
    assert np.all(np.abs(exact - sampled.mean) < 4.5 * sampled.standard_error + 1e-12)
    for state in range(len(world) if gamma < 1 else 0):
        probabilities = optimality_probability(world, gamma, state)
        error = np.sqrt(probabilities * (1 - probabilities) / sampled.draws)
        assert np.all(np.abs(probabilities - sampled.optimal[state]) < 4.5 * error + 2e-3)


@pytest.mark.parametrize("world", RANDOM)
def test_power_is_continuous_up_to_both_ends(world):
    for end, inside in ((0.0, 1e-7), (1.0, 1 - 1e-7)):
        assert np.allclose(exact_power(world, end), exact_power(world, inside), atol=1e-6, rtol=0)
    powers = [exact_power(world, gamma) for gamma in np.linspace(0.3, 0.32, 5)]
    assert np.abs(np.diff(powers, axis=0)).max() < 0.01


@pytest.mark.parametrize("world", RANDOM)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_power_is_at_most_the_expected_largest_reward(world, gamma):
    power = exact_power(world, gamma)
    states = len(world)
    assert np.all(power >= 1 / 2 - EXACT)
    assert np.all(power <= states / (states + 1) + EXACT)


@pytest.mark.parametrize("gamma", [0.2, 0.6, 0.9, 1.0])
def test_states_one_step_apart_both_ways_differ_little(gamma):
    """|POWER(s) - POWER(s')| <= (1 - γ)/γ times the range of rewards."""
    world = np.array([[0, 1, 3], [0, 2, 2], [1, 1, 2], [3, 3, 3]])
    power = exact_power(world, gamma)
    for one, other in ((0, 1), (1, 2)):
        assert abs(power[one] - power[other]) <= (1 - gamma) / gamma + EXACT


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.8, 1.0])
def test_a_forced_step_averages_the_next_reward_and_the_next_power(gamma):
    world = np.vstack([np.full((1, 3), 1), FIGURE_1 + 1])
    power = exact_power(world, gamma, [0, 1])
    assert power[0] == pytest.approx((1 - gamma) / 2 + gamma * power[1], abs=EXACT)


def test_shares_of_forms_that_are_never_the_largest_are_zero():
    forms = np.array([[1.0, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [0, 0, 1]])
    found = expected_maximum(forms)
    assert found.mean == pytest.approx(3 / 4, abs=EXACT)
    assert np.allclose(found.shares, [1 / 3, 1 / 3, 0, 1 / 3], atol=EXACT, rtol=0)


def test_a_single_form_is_its_mean_and_always_the_largest():
    found = expected_maximum(np.array([[0.25, 0.75]]))
    assert (found.mean, *found.shares) == pytest.approx((1 / 2, 1), abs=EXACT)


def test_too_large_integrals_are_refused_with_an_alternative():
    ring = np.stack([np.roll(np.arange(9), 1), np.roll(np.arange(9), -1)], axis=1)
    with pytest.raises(TooLargeError, match=r"9 states in one block.*integrated_power"):
        exact_power(ring, 0.9, [0])


def test_any_quantile_can_be_integrated_to_the_error_that_is_reported():
    """n ends: a uniform maximum, one of squares (F(x) = √x), one of exponentials (harmonic)."""
    world, generator = fan(4), np.random.default_rng(0)
    cases = {
        4 / 5: lambda u: u,
        # E max of 4 squares: E (max u)² = 4/6
        4 / 6: lambda u: u**2,
        1 + 1 / 2 + 1 / 3 + 1 / 4: lambda u: -np.log(1 - u),
    }
    for expected, quantile in cases.items():
        found = integrated_power(world, 0.7, 0, quantile, generator)
        assert found.standard_error <= 1e-4
        assert found.mean == pytest.approx(expected, abs=5 * found.standard_error + 1e-6)


def test_integration_and_exact_power_agree_where_both_are_possible():
    for gamma in (0.0, 0.9, 1.0):
        found = integrated_power(
            FIGURE_1, gamma, 0, lambda u: u, np.random.default_rng(1), tolerance=1e-5
        )
        exact = exact_power(FIGURE_1, gamma, [0])[0]
        assert found.mean == pytest.approx(exact, abs=6 * found.standard_error)


def test_integration_stops_at_its_budget_and_says_so():
    rough = integrated_power(
        FIGURE_1, 0.9, 0, lambda u: u, np.random.default_rng(1), tolerance=0, most_draws=2**16
    )
    assert rough.draws <= 2**16
    assert math.isfinite(rough.standard_error)
    assert rough.standard_error > 0


def test_more_futures_never_mean_less_power():
    world = random_certain(4, 3, seed=7)
    for action in range(3):
        fewer = world.copy()
        fewer[:, action] = fewer[:, (action + 1) % 3]
        assert np.all(exact_power(fewer, 0.8) <= exact_power(world, 0.8) + EXACT)
    assert len(futures(world, 0, 0.8).forms) >= len(futures(fewer, 0, 0.8).forms)
