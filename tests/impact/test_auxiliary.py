"""Exact auxiliary values agree with a slow loop and with closed forms."""

import numpy as np
import pytest

from chisel import impact
from tests.impact.small import random_world, slow_values, vase_world


@pytest.mark.parametrize("ends", ["zero", "absorbing"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.95])
def test_values_agree_with_value_iteration_one_number_at_a_time(gamma, ends):
    for seed in range(3):
        world = random_world(seed)
        rewards = np.random.default_rng(seed).normal(size=(3, 9))
        paid = impact.step_rewards(rewards, world.next_state, world.terminal, ends)
        exact = impact.optimal_q(world.next_state, paid, gamma)
        slow = slow_values(world, rewards, gamma, absorbing=ends == "absorbing")
        np.testing.assert_allclose(exact, slow, atol=1e-10)


@pytest.mark.parametrize("gamma", [0.3, 0.996, 1 - 2**-10])
def test_values_satisfy_bellmans_equation(gamma):
    world = random_world(1, states=300, actions=5, boards=200)
    paid = np.random.default_rng(0).random((20, 300, 5))
    q = impact.optimal_q(world.next_state, paid, gamma)
    np.testing.assert_allclose(q, paid + gamma * q.max(-1)[:, world.next_state], rtol=1e-12)


def test_probabilities_of_one_are_the_same_as_next_states():
    world = random_world(2)
    paid = np.random.default_rng(0).random((4, 9, 3))
    sure = np.eye(9)[world.next_state]
    np.testing.assert_allclose(
        impact.optimal_q(sure, paid, 0.95), impact.optimal_q(world.next_state, paid, 0.95)
    )


def test_random_transitions_have_their_expected_value():
    """From state 0, action 0 leads to a state that pays 1 for ever with probability p, or to one
    that pays nothing; action 1 leads to one that pays c for ever."""
    p, c, gamma = 0.3, 0.25, 0.9
    probabilities = np.zeros((4, 2, 4))
    probabilities[0, 0, [1, 2]] = p, 1 - p
    probabilities[0, 1, 3] = 1
    for state in (1, 2, 3):
        probabilities[state, :, state] = 1
    paid = np.zeros((1, 4, 2))
    paid[0, 1], paid[0, 3] = 1, c
    q = impact.optimal_q(probabilities, paid, gamma)
    np.testing.assert_allclose(q[0, 0], [gamma * p / (1 - gamma), gamma * c / (1 - gamma)])


def test_optimal_actions_are_those_of_value_iteration_and_the_lowest_where_several_are():
    generator, gamma = np.random.default_rng(0), 0.9
    following, reward = generator.integers(0, 7, (7, 3)), generator.random((7, 3))
    values = np.zeros(7)
    for _ in range(400):
        values = (reward + gamma * values[following]).max(axis=1)
    best = (reward + gamma * values[following]).argmax(axis=1)
    assert (impact.optimal_actions(following, reward, gamma) == best).all()
    twice = [np.repeat(one, 2, axis=1) for one in (following, reward)]
    twice[1][:, 1::2] += 1e-12
    assert (impact.optimal_actions(*twice, gamma) == 2 * best).all()


def test_reachability_is_gamma_to_the_steps_beyond_the_first():
    world = vase_world()
    paid = impact.step_rewards(
        impact.indicator_rewards(world.board), world.next_state, world.terminal
    )
    v = impact.reachability(world.next_state, paid, 0.9).max(-1)
    # From the start: there already, into the vase at 7, back from it to 6 (broken), round to 2.
    assert v[:, 0] == pytest.approx(
        [1, 0, 0.9**3, 1, 0.9, 0.9**2, 0.9, 1, 0.9, 0.9**2, 0.9, 0.9**2]
    )
    assert not v[:6, 7].any()  # what is broken is not made whole
    assert not v[:, 8].any()  # over


def test_at_an_absorbing_end_the_end_is_reachable():
    world = vase_world()
    rewards = impact.indicator_rewards(world.board)
    paid = impact.step_rewards(rewards, world.next_state, world.terminal, "absorbing")
    np.testing.assert_array_equal(
        impact.reachability(world.next_state, paid, 0.9).max(-1)[:, 8], np.eye(12)[8]
    )


def test_rewards_by_label_are_equal_where_labels_are_and_only_there():
    labels = np.array([0, 2, 1, 2, 0])
    drawn = impact.random_rewards(3, labels, np.random.default_rng(0))
    assert drawn.shape == (3, 5)
    assert (drawn[:, [0, 1]] == drawn[:, [4, 3]]).all()
    assert len(np.unique(drawn)) == 9
    assert ((drawn >= 0) & (drawn <= 1)).all()


def test_indicators_add_up_to_one_everywhere():
    np.testing.assert_array_equal(
        impact.indicator_rewards(np.array([1, 0, 1])), [[0, 1, 0], [1, 0, 1]]
    )


SURE = np.array([[0, 1], [1, 0]])
PAID = np.ones((1, 2, 2))


@pytest.mark.parametrize("gamma", [-0.1, 1, 1.5, np.nan])
def test_a_discount_out_of_range_is_refused_in_one_line(gamma):
    with pytest.raises(ValueError, match=r"^gamma = [^\n]*discount[^\n]*$"):
        impact.optimal_q(SURE, PAID, gamma)


@pytest.mark.parametrize("row", [[0.5, 0.4], [1.5, -0.5], [np.nan, 1]])
def test_a_row_that_is_no_distribution_is_named(row):
    probabilities = np.full((2, 2, 2), 0.5)
    probabilities[1, 0] = row
    with pytest.raises(ValueError, match=r"^state 1, action 0: these are no probabilities [^\n]*$"):
        impact.optimal_q(probabilities, PAID, 0.9)


@pytest.mark.parametrize("transitions", [SURE + 1, SURE - 1, SURE * 1.0, np.ones((2, 2, 3))])
def test_transitions_to_nowhere_are_refused(transitions):
    with pytest.raises(ValueError, match=r"transitions \[|leads to"):
        impact.optimal_q(transitions, PAID, 0.9)


def test_rewards_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"rewards \[1, 3, 2\]"):
        impact.optimal_q(SURE, np.ones((1, 3, 2)), 0.9)
    with pytest.raises(ValueError, match=r"auxiliary rewards \[1, 3\]"):
        impact.step_rewards(np.ones((1, 3)), SURE, np.zeros(2, bool))
    with pytest.raises(ValueError, match="finite"):
        impact.step_rewards(np.full((1, 2), np.nan), SURE, np.zeros(2, bool))
