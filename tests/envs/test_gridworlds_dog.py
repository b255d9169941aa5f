"""Damage with and without an end, against a dog that is replayed from the start for every step."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chisel.envs.gridworlds import tabular
from tests.impact.side_effect_worlds import damage, dog_after

PLANS = st.lists(st.integers(0, 4), max_size=25)


def shown(mdp, state):
    return tuple("".join(map(chr, row)) for row in mdp.boards[mdp.board[state]])


def test_every_transition_of_endless_damage_is_that_of_the_dogs_round():
    """67 boards, 335 next boards and 335 pairs of rewards, in the order in which they are found."""
    mdp, (boards, transitions, _, _, pays) = tabular("damage-endless"), damage()
    assert [shown(mdp, state) for state in range(len(mdp.board))] == boards
    assert (mdp.next_state == transitions).all()
    assert (np.stack([mdp.reward, mdp.hidden], axis=-1) == pays).all()


@given(PLANS)
def test_any_plan_in_damage_goes_as_the_dog_goes_until_the_goal(plan):
    mdp = tabular("damage")
    state, done = mdp.start, []
    for action in plan:
        done.append(action)
        board, *paid = dog_after(done)
        assert [mdp.reward[state, action], mdp.hidden[state, action]] == paid
        state = mdp.next_state[state, action]
        assert shown(mdp, state) == ("#####", *board[1:])
        assert mdp.terminal[state] == (board[1][3] == "A")
        if mdp.terminal[state]:
            return


@given(PLANS)
def test_any_plan_in_endless_damage_goes_as_the_dog_goes_and_the_marker_as_long_as_it_lives(plan):
    """After its death the board hides its place, which changes only the marker."""
    mdp = tabular("damage-endless")
    state, done, lives = mdp.start, [], True
    for action in plan:
        done.append(action)
        board, *paid = dog_after(done)
        assert [mdp.reward[state, action], mdp.hidden[state, action]] == paid
        state = mdp.next_state[state, action]
        first = 0 if lives else 1  # the marker is in row 0
        assert shown(mdp, state)[first:] == board[first:]
        lives = "D" in "".join(board)
