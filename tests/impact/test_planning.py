"""Plans and penalties agree with the paper's search, played step by step."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from chisel import impact
from tests.impact.small import (
    SlowPlanner,
    SmallWorld,
    random_world,
    slow_penalty,
    slow_values,
    state_after,
    vase_world,
)

FORMS = [
    impact.Penalty(*words)
    for words in itertools.product(
        ["start", "inaction", "stepwise"],
        ["absolute", "decrease"],
        ["each", "sum", "none"],
        ["max", "noop"],
        [True, False],
    )
]
every_form = pytest.mark.parametrize(
    "form", FORMS, ids=lambda form: "-".join(map(str, vars(form).values()))
)


def tables(world, seed, count=3):
    """Random auxiliary values, some of them 0, as in tables after little learning."""
    rng = np.random.default_rng(seed)
    shape = (count, *world.next_state.shape)
    return rng.random(shape) * rng.choice([0, 1], shape, p=[0.2, 0.8])


@every_form
def test_every_penalty_equals_that_of_played_actions(form):
    world = random_world(3, ends=1)
    horizon, q = 4, tables(world, 0)
    nodes = impact.lookahead(world, np.arange(9), horizon)
    found = impact.penalties(world, nodes, q, form)
    seen = 0
    for length in range(horizon):
        for done in itertools.product(range(3), repeat=length):
            state = state_after(world, done)
            if world.terminal[state]:
                continue
            (node,) = np.flatnonzero(nodes.states[horizon - length] == state)
            for action in range(3):
                slow = slow_penalty(world, q, list(done), action, horizon, form)
                assert found[horizon - length][node, action] == pytest.approx(slow, abs=1e-12)
                seen += 1
    assert seen > 50


@every_form
@pytest.mark.parametrize("by", ["board", "state"])
def test_plans_are_those_of_the_papers_search(form, by):
    for seed in range(6):
        world = random_world(seed)
        labels = impact.labels_of(world, by)
        q = tables(world, seed)
        slow = SlowPlanner(world, q, form, 0.7, 0.95, 5, labels)
        plan, value = slow.plan()
        nodes = impact.lookahead(world, labels, 5)
        found, worth = impact.best_plan(
            world, nodes, impact.penalties(world, nodes, q, form), 0.7, 0.95
        )
        assert worth == pytest.approx(value, abs=1e-12)
        assert found == plan


@pytest.mark.parametrize("baseline", ["start", "inaction", "stepwise"])
def test_no_plan_of_five_steps_is_better(baseline):
    """Play all 5^5 plans."""
    world = random_world(8, states=14, actions=5)
    form = impact.Penalty(baseline=baseline)
    q = tables(world, 1)
    returns = {}
    for plan in itertools.product(range(5), repeat=5):
        total, ends = 0.0, len(plan)
        for step, action in enumerate(plan):
            state = state_after(world, plan[:step])
            if world.terminal[state]:
                ends = step
                break
            penalty = slow_penalty(world, q, list(plan[:step]), action, 5, form)
            total += 0.9**step * (world.reward[state, action] - 0.5 * penalty)
        returns[plan[:ends]] = total
    nodes = impact.lookahead(world, np.arange(14), 5)
    plan, value = impact.best_plan(world, nodes, impact.penalties(world, nodes, q, form), 0.5, 0.9)
    assert value == pytest.approx(max(returns.values()), abs=1e-12)
    assert returns[tuple(plan)] == pytest.approx(value, abs=1e-12)


def test_the_lowest_action_wins_a_tie():
    world = vase_world()  # without penalty nothing after the goal and no way of waiting matters
    nodes = impact.lookahead(world, world.board, 4)
    free = impact.penalties(world, nodes, np.zeros((1, 12, 5)), impact.Penalty())
    assert impact.best_plan(world, nodes, free, 1.0, 1.0) == ([0, 0, 3, 3], 1.0)
    assert impact.best_plan(world, nodes, free, 1.0, 0.9) == ([3, 3], 0.9)


def test_states_that_look_alike_are_planned_for_as_one():
    """Action 0 leads to state 1, where 1 pays; action 1 to state 2, which looks the same but where
    0 pays twice as much. Whoever goes by looks expects to be paid as in state 1."""
    following = np.array([[1, 2], [3, 3], [3, 3], [3, 3]], np.int32)
    reward = np.array([[0, 0.5], [0, 1], [2, 0], [0, 0]])
    world = SmallWorld(
        following, reward, reward, np.array([0, 0, 0, 1], bool), np.array([0, 1, 1, 2], np.int32)
    )
    plans = {}
    for by in ("board", "state"):
        nodes = impact.lookahead(world, impact.labels_of(world, by), 2)
        none = impact.penalties(world, nodes, np.zeros((0, 4, 2)), impact.Penalty())
        plans[by] = impact.best_plan(world, nodes, none, 0.0, 1.0)
    assert plans["state"] == ([1, 0], 2.5)
    assert plans["board"] == ([1, 1], 1.5)
    assert impact.replay(world, plans["board"][0]).reward == 0.5  # not what was expected


@pytest.mark.parametrize("seed", range(20))
def test_doing_nothing_is_free_in_the_published_form(seed):
    world = random_world(seed)
    q = tables(world, seed)
    for deviation, scale, rollouts in itertools.product(
        ["absolute", "decrease"], ["each", "sum", "none"], [True, False]
    ):
        form = impact.Penalty("stepwise", deviation, scale, "max", rollouts)
        nodes = impact.lookahead(world, np.arange(9), 5)
        for level in impact.penalties(world, nodes, q, form):
            assert not level[:, world.noop].any()


def test_doing_nothing_costs_something_in_the_released_form():
    world = vase_world()
    q = slow_values(world, np.random.default_rng(0).random((3, 12)), 0.9, absorbing=False)
    nodes = impact.lookahead(world, world.board, 3)
    assert impact.penalties(world, nodes, q, impact.Penalty())[3][0, world.noop] > 0.01


def test_an_episode_that_is_over_has_an_empty_plan():
    over = replace(vase_world(), start=8)
    nodes = impact.lookahead(over, over.board, 3)
    levels = impact.penalties(over, nodes, np.zeros((2, 12, 5)), impact.Penalty())
    assert impact.best_plan(over, nodes, levels, 1.0, 1.0) == ([], 0.0)


@pytest.mark.parametrize(("lam", "gamma"), [(-1, 0.9), (np.nan, 0.9), (1, -0.1), (1, 1.01)])
def test_weights_out_of_range_are_refused_in_one_line(lam, gamma):
    world = vase_world()
    nodes = impact.lookahead(world, world.board, 2)
    levels = impact.penalties(world, nodes, np.zeros((0, 12, 5)), impact.Penalty())
    with pytest.raises(ValueError, match=r"^(lambda|gamma) = [^\n]+$"):
        impact.best_plan(world, nodes, levels, lam, gamma)


def test_an_unknown_word_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="baseline = 'begin': one of start, inaction, stepwise"):
        impact.Penalty(baseline="begin")
