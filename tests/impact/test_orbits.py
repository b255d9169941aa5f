"""What most reward functions prefer in figure 1: counts over all 40,320 permutations."""

import itertools

import numpy as np
import pytest

from chisel.impact import (
    TooLargeError,
    best_values,
    compare_orbit,
    copy_involutions,
    futures,
    holds_optimum,
    orbit,
    permutations,
)
from tests.impact.power_worlds import FIGURE_1, LEFT, NOTHING, RIGHT, STAR

LINEAR = np.arange(8) / 7
ONE, TWO = np.eye(8)[0], np.eye(8)[:2].sum(axis=0)
TO_NOTHING, TO_LEFT, TO_RIGHT = range(3)


def options(gamma):
    """Futures of the star, by the action that begins them."""
    found = futures(FIGURE_1, STAR, gamma)
    return [found.beginning_with(action) for action in range(3)]


def optimal_counts(reward, gamma, first, second):
    """Number of permutations in which only one of two actions is optimal."""
    held = holds_optimum(options(gamma), orbit(reward))
    return compare_orbit(held[:, first], held[:, second])


def test_permutations_are_all_there_are_in_lexicographic_order():
    for count in range(1, 6):
        assert permutations(count).tolist() == [
            list(order) for order in itertools.permutations(range(count))
        ]


@pytest.mark.parametrize(
    ("reward", "gamma", "right", "left"),
    [
        (LINEAR, 0.1, 13440, 13440),
        (LINEAR, 0.5, 14796, 11710),
        (LINEAR, 0.99, 19232, 11420),
        (ONE, 0.1, 15120, 15120),
        (ONE, 0.5, 15120, 15120),
        (ONE, 0.99, 15120, 15120),
        (TWO, 0.5, 12960, 8640),
        (-ONE, 0.1, 10080, 5040),
        (-ONE, 0.5, 10080, 5040),
        (-ONE, 0.99, 10080, 5040),
    ],
)
def test_right_is_optimal_at_least_as_often_as_left(reward, gamma, right, left):
    found = optimal_counts(reward, gamma, TO_RIGHT, TO_LEFT)
    assert found == (right, left, 40320)
    assert found.holds()


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 0.9, 0.99, 1.0])
def test_that_right_is_preferred_by_most_is_proven_by_a_copy_of_left(gamma):
    nothing, left, right = options(gamma)
    assert len(copy_involutions(left, right, nothing)) == 1
    if gamma > 0:  # at γ = 0 each leads to one state: they are alike
        assert len(copy_involutions(right, left, nothing)) == 0


@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.99, 1.0])
def test_most_rewards_give_the_right_more_power_than_the_left(gamma):
    left, right = (futures(FIGURE_1, state, gamma).forms for state in (LEFT, RIGHT))
    assert len(copy_involutions(left, right)) == 1
    for seed in range(3):
        rewards = orbit(np.random.default_rng(seed).random(8))
        found = compare_orbit(best_values(right, rewards), best_values(left, rewards))
        assert found.holds()


@pytest.mark.parametrize("gamma", [0.1, 0.5, 0.99])
def test_right_against_nothing_is_not_certified_with_discount(gamma):
    nothing, left, right = options(gamma)
    assert len(copy_involutions(nothing, right, left)) == 0
    assert len(copy_involutions(nothing, left, right)) == 0


def test_some_orbits_prefer_nothing_to_the_right_though_most_do_not():
    """One orbit that agrees proves nothing; one that does not is a counterexample."""
    verdicts = set()
    for seed in range(4):
        reward = np.random.default_rng(seed).random(8)
        verdicts.add(optimal_counts(reward, 0.5, TO_RIGHT, TO_NOTHING).holds())
        assert optimal_counts(reward, 0.99, TO_RIGHT, TO_NOTHING).holds()
    assert verdicts == {True, False}


def test_in_the_long_run_right_is_preferred_to_nothing_two_to_one():
    nothing, left, right = options(1.0)
    proofs = copy_involutions(nothing, right, left)
    assert len(proofs) == 2
    assert {tuple(np.flatnonzero(proof != np.arange(8))) for proof in proofs} == {
        (NOTHING, 6),
        (NOTHING, 7),
    }
    for reward in (LINEAR, ONE, -ONE, np.random.default_rng(0).random(8)):
        assert optimal_counts(reward, 1.0, TO_RIGHT, TO_NOTHING).holds(2)


def test_a_proof_holds_in_every_orbit_that_is_tried():
    """For random sets of options: where involutions are found, counts agree; and some are found."""
    generator, found = np.random.default_rng(5), []
    for _ in range(100):
        corners = np.eye(5)[generator.integers(5, size=7)]
        mixed = np.where(generator.random((7, 1)) < 0.3, (corners + corners[::-1]) / 2, corners)
        smaller, larger, others = mixed[:1], mixed[1:5], mixed[5:]
        times = len(copy_involutions(smaller, larger, others))
        found.append(times)
        for _ in range(5):
            rewards = orbit(generator.integers(0, 4, 5))
            held = holds_optimum([smaller, larger, others], rewards)
            assert compare_orbit(held[:, 1], held[:, 0]).holds(times)
    assert {0, 1, 2} <= set(found)


def test_a_larger_set_that_contains_the_smaller_one_needs_no_swap():
    one, two = np.eye(3)[:1], np.eye(3)[:2]
    assert (copy_involutions(one, two)[0] == np.arange(3)).all()


def test_too_many_states_are_refused_with_an_alternative():
    with pytest.raises(TooLargeError, match="compare_orbit"):
        orbit(np.arange(10))
    with pytest.raises(TooLargeError, match="compare_orbit"):
        copy_involutions(np.eye(11)[:1], np.eye(11)[1:3])
