"""Compiled Q-learning does what the published loop does, number by number."""

from dataclasses import replace

import numpy as np
import pytest

from chisel import impact
from tests.impact.small import SlowLearner, random_world, slow_values, vase_world

BRIEF = impact.Learning(episodes=40, max_steps=25, evaluate_every=3)
VARIANTS = {
    "as released": impact.Options(learning=BRIEF),
    "as published": replace(impact.AS_PUBLISHED, learning=BRIEF),
    "unscaled": impact.Options(scale="none", lam=0.1, learning=BRIEF),
    "by state": impact.Options(keyed_by="state", learning=BRIEF),
    "absorbing": impact.Options(ends="absorbing", gamma=0.9, learning=BRIEF),
    "small steps": impact.Options(learning=replace(BRIEF, step_size=0.3)),
    "long penalised": impact.Options(lam=1000.0, horizon=4, learning=BRIEF),
}


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
def test_learning_follows_the_published_loop_step_by_step(options, clip):
    for seed in range(4):
        world = random_world(seed, ends=1)
        rewards = np.random.default_rng(seed).random((4, 9))
        labels = impact.labels_of(world, options.keyed_by)
        slow = SlowLearner(world, rewards, options, np.random.default_rng(5), labels, clip=clip)
        curve = slow.learn()
        found = impact.learn(world, rewards, options, np.random.default_rng(5), clip=clip)
        for state, label in enumerate(labels.tolist()):
            np.testing.assert_allclose(found.values[state], slow.values[label], rtol=1e-9)
            np.testing.assert_allclose(found.auxiliary[:, state], slow.auxiliary[label], rtol=1e-12)
        np.testing.assert_allclose(found.curve, curve)
        assert impact.replay(world, found.actions).performance == pytest.approx(curve[-1])


def test_without_auxiliary_rewards_it_is_plain_q_learning():
    world = random_world(4, ends=1)
    none = np.zeros((0, 9))
    options = impact.Options(keyed_by="state", gamma=0.9)
    found = impact.learn(world, none, options, np.random.default_rng(0))
    paid = world.reward[None]
    exact = impact.optimal_q(world.next_state, paid, 0.9)[0]
    visited = found.values.any(axis=1)
    np.testing.assert_allclose(found.values[visited], exact[visited], atol=1e-6)
    assert visited.sum() > 3


@pytest.mark.parametrize("ends", ["zero", "absorbing"])
def test_learned_values_of_states_become_the_exact_ones(ends):
    world = vase_world()
    rewards = np.random.default_rng(0).random((5, 12))
    options = impact.Options(
        keyed_by="state", gamma=0.9, ends=ends, learning=impact.Learning(episodes=3000)
    )
    found = impact.learn(world, rewards, options, np.random.default_rng(0))
    exact = slow_values(world, rewards, 0.9, absorbing=ends == "absorbing")
    acting = ~world.terminal & (np.arange(12) != 1)  # where one can be
    np.testing.assert_allclose(found.auxiliary[:, acting], exact[:, acting], atol=1e-9)
    penalty = impact.step_penalty(exact, 4)
    paid = np.where(world.terminal[:, None], 0, world.reward - options.lam * penalty)
    best = impact.optimal_q(world.next_state, paid[None], 0.9)[0]
    np.testing.assert_allclose(found.values[acting], best[acting], atol=1e-9)
    policy = impact.exact_policy(world, exact, options)
    gained = best[np.arange(12), policy]
    np.testing.assert_allclose(gained, best.max(axis=-1), atol=1e-9)


def test_learning_needs_nothing_but_its_generator():
    world, rewards = random_world(0), np.random.default_rng(0).random((4, 9))
    options = impact.Options(learning=BRIEF)
    one, two, other = (
        impact.learn(world, rewards, options, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.values, two.values)
    assert (one.values != other.values).any()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lam": -0.1}, "lambda = -0.1"),
        ({"gamma": 1.1}, "gamma = 1.1"),
        ({"gamma": 1.0, "ends": "absorbing"}, "gamma = 1"),
        ({"tables": "exact"}, "keyed_by = "),
        ({"n_rewards": -1}, "n_rewards = -1"),
        ({"scale": "all"}, "scale = 'all'"),
    ],
)
def test_impossible_options_are_refused_in_one_line(given, message):
    with pytest.raises(ValueError, match=rf"^{message}[^\n]+$"):
        impact.Options(**given)


@pytest.mark.parametrize(
    "given", [{"episodes": 0}, {"step_size": 0.0}, {"greedy": (0.5, 1.5)}, {"switch": -0.1}]
)
def test_impossible_schedules_are_refused_in_one_line(given):
    with pytest.raises(ValueError, match=rf"^{next(iter(given))}|greedy"):
        impact.Learning(**given)
