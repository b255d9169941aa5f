"""Visit distributions against sums over time, for every policy one by one."""

import numpy as np
import pytest

from chisel.impact import TooLargeError, futures
from chisel.impact.transitions import long_run
from tests.impact.power_worlds import (
    FIGURE_1,
    chains,
    fan,
    grid,
    random_certain,
    random_chancy,
)


def rows(forms):
    return {tuple(np.round(form, 8) + 0.0) for form in forms}


WORLDS = [FIGURE_1, fan(3), random_certain(5, 2, 0), random_chancy(4, 2, 1)]


@pytest.mark.parametrize("world", WORLDS, ids=["figure 1", "fan", "certain", "chancy"])
def test_visits_are_discounted_sums_over_time_of_every_policy_each_once(world):
    gamma, state = 0.6, 0
    by_hand = set()
    for chain in chains(world):
        at, total = np.eye(len(world))[state], np.zeros(len(world))
        for step in range(60):
            total += gamma**step * at
            at = at @ chain
        from_the_next = (total - np.eye(len(world))[state]) * (1 - gamma) / gamma
        by_hand.add(tuple(np.round(from_the_next, 8) + 0.0))
    found = futures(world, state, gamma).forms
    assert rows(found) == by_hand
    assert len(found) == len(by_hand)


@pytest.mark.parametrize("world", WORLDS, ids=["figure 1", "fan", "certain", "chancy"])
def test_at_one_futures_are_long_run_averages_and_at_zero_next_states(world):
    averages, following = set(), set()
    for chain in chains(world):
        averages.add(tuple(np.round(cesaro(chain)[0], 8) + 0.0))
        following.add(tuple(np.round(chain[0], 8) + 0.0))
    assert rows(futures(world, 0, 1.0).forms) == averages
    assert rows(futures(world, 0, 0.0).forms) == following


def cesaro(chain):
    """Average over many steps; doubled until the remainder is below rounding."""
    average, power = np.eye(len(chain)), chain
    for _ in range(60):
        average, power = (average + average @ power) / 2, power @ power
        average, power = (one / one.sum(axis=1, keepdims=True) for one in (average, power))
    return average


def test_long_run_shares_hold_for_chains_with_periods_and_several_ends():
    chain = np.array(
        [
            [0.2, 0.3, 0.0, 0.5, 0.0],
            [0.0, 0.0, 1.0, 0.0, 0.0],  # 1 and 2 alternate
            [0.0, 1.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 1 - 1e-7, 1e-7],  # 3 and 4 change places hardly ever
            [0.0, 0.0, 0.0, 3e-7, 1 - 3e-7],
        ]
    )
    assert np.allclose(
        long_run(chain),
        [
            [0, 3 / 16, 3 / 16, 5 / 8 * 3 / 4, 5 / 8 / 4],
            [0, 1 / 2, 1 / 2, 0, 0],
            [0, 1 / 2, 1 / 2, 0, 0],
            [0, 0, 0, 3 / 4, 1 / 4],
            [0, 0, 0, 3 / 4, 1 / 4],
        ],
        atol=1e-8,
    )


def test_every_future_knows_which_actions_can_begin_it():
    world = np.array([[1, 2, 1], [1, 1, 1], [1, 2, 2]])
    found = futures(world, 0, 1.0)
    begun = {
        tuple(form): tuple(first) for form, first in zip(found.forms, found.first, strict=True)
    }
    assert begun == {(0, 1, 0): (True, True, True), (0, 0, 1): (False, True, False)}
    assert rows(found.beginning_with(0)) == {(0, 1, 0)}


def test_large_worlds_with_few_reachable_states_can_be_enumerated():
    """A corridor of 40 states with a way out at each: 2^40 policies, 41 futures."""
    corridor = np.stack([np.minimum(np.arange(41) + 1, 39), np.full(41, 40)], axis=1)
    corridor[40] = 40
    assert len(futures(corridor, 0, 0.9).forms) == 40 + 1


def test_too_many_policies_are_refused_with_their_number_and_an_alternative():
    with pytest.raises(TooLargeError, match=r"49 states .* 3e\+31 policies.*sampled_power") as told:
        futures(grid(7), 0, 0.9, most=200)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("world", "state", "gamma", "message"),
    [
        (FIGURE_1, 0, 1.5, "gamma = 1.5: a discount lies between 0 and 1"),
        (FIGURE_1, 0, -0.1, "gamma = -0.1"),
        (FIGURE_1, 0, float("nan"), "gamma = nan"),
        (FIGURE_1, 8, 0.5, "state 8: states are 0 to 7"),
        (np.array([[0, 2], [1, 1]]), 0, 0.5, "state 0, action 1 leads to 2; states are 0 to 1"),
        (np.array([[[1.0, 0.0]], [[0.5, 0.4]]]), 0, 0.5, "state 1, action 0.*sum 0.9"),
        (np.array([[[1.0, 0.0]], [[1.5, -0.5]]]), 0, 0.5, "state 1, action 0.*smallest -0.5"),
        (np.array([[[1.0, 0.0]], [[np.nan, 1.0]]]), 0, 0.5, "state 1, action 0"),
        (np.array([[0.0, 1.0], [1.0, 1.0]]), 0, 0.5, "whole numbers"),
        (np.ones((2, 2, 3)) / 3, 0, 0.5, "next states .S, A. or probabilities"),
    ],
)
def test_impossible_input_is_refused_in_one_line(world, state, gamma, message):
    with pytest.raises(ValueError, match=message) as told:
        futures(world, state, gamma)
    assert "\n" not in str(told.value)
