"""The agents of the ablation, in worlds so small that the right behaviour is known."""

from dataclasses import replace

import numpy as np
import pytest

from chisel import impact
from tests.impact.small import random_world, vase_world

SHORT = impact.Learning(episodes=600)


def seeds(count):
    return np.random.default_rng(0).spawn(count)


def performance(outcomes, agent):
    return outcomes.performance[outcomes.agents.index(agent)]


@pytest.mark.parametrize("preset", impact.PRESETS.values(), ids=impact.PRESETS.keys())
def test_the_standard_agent_breaks_the_vase_and_aup_goes_round(preset):
    found = impact.ablate(vase_world(), replace(preset, learning=SHORT), seeds(20))
    assert (performance(found, "Standard") == -1).all()
    assert (found.reward[found.agents.index("Standard")] == 1).all()
    for agent in ("AUP", "Model-free AUP", "Decrease", "Relative reachability"):
        assert (performance(found, agent) == 1).mean() > 0.6


@pytest.mark.parametrize("preset", impact.PRESETS.values(), ids=impact.PRESETS.keys())
def test_outcomes_depend_neither_on_threads_nor_on_the_other_agents(preset):
    world, options = random_world(5, ends=1), replace(preset, learning=SHORT, horizon=4)
    alone = [impact.ablate(world, options, seeds(4), [agent]) for agent in impact.AGENTS]
    together = impact.ablate(world, options, seeds(4), threads=3)
    np.testing.assert_array_equal(together.actions, np.concatenate([one.actions for one in alone]))
    np.testing.assert_array_equal(together.curves, np.concatenate([one.curves for one in alone]))


def test_performance_is_that_of_the_replayed_actions():
    world = random_world(6, ends=1)
    found = impact.ablate(world, replace(impact.AS_RELEASED, learning=SHORT), seeds(3))
    for agent in range(len(found.agents)):
        for trial in range(3):
            actions = [a for a in found.actions[agent, trial] if a >= 0]
            episode = impact.replay(world, actions)
            assert episode.performance == found.performance[agent, trial]
            assert episode.reward == found.reward[agent, trial]
            assert list(episode.actions) == actions


def test_agents_that_learn_have_curves_and_those_that_plan_have_none():
    found = impact.ablate(vase_world(), replace(impact.AS_RELEASED, learning=SHORT), seeds(2))
    learns = np.isfinite(found.curves).all(axis=(1, 2))
    assert [name for name, yes in zip(found.agents, learns, strict=True) if yes] == [
        "Standard",
        "Model-free AUP",
    ]
    assert np.isnan(found.curves[~learns]).all()
    np.testing.assert_array_equal(found.curves[learns][:, :, -1], found.performance[learns])


@pytest.mark.parametrize("tables", ["exact", "learned"])
def test_ending_costs_lambda_unless_terminal_states_pay_in_every_step(tables):
    """A terminal state of value 0 takes away all that could be attained: the penalty is the whole
    scale, λ · 1, and above λ = 1 a goal worth 1 is left alone. Where the end goes on paying, it is
    an ordinary place, and the cliff is elsewhere."""
    base = replace(impact.EXACT, gamma=0.99, tables=tables, learning=impact.Learning(episodes=2000))
    for ends, completes in (("zero", [1, 1, 0, 0]), ("absorbing", [1, 1, 1, 1])):
        found = impact.sweep(
            vase_world(), replace(base, ends=ends), "lam", [0.8, 0.95, 1.05, 1.2], seeds(12)
        )
        share = [(one.reward > 0).mean() for one in found.outcomes]
        assert np.round(share).tolist() == completes


def test_a_sweep_is_an_ablation_at_each_value():
    world, options = random_world(7), replace(impact.AS_PUBLISHED, learning=SHORT)
    found = impact.sweep(world, options, "n_rewards", [0, 3], seeds(3), impact.AGENTS[:4])
    assert (found.option, found.values) == ("n_rewards", (0, 3))
    generators = seeds(3)
    for count, outcome in zip(found.values, found.outcomes, strict=True):
        again = impact.ablate(
            world, replace(options, n_rewards=count), generators, impact.AGENTS[:4]
        )
        np.testing.assert_array_equal(outcome.actions, again.actions)


def test_without_auxiliary_rewards_aup_is_the_standard_agent():
    options = replace(impact.EXACT, n_rewards=0)
    found = impact.ablate(vase_world(), options, seeds(1))
    assert (
        performance(found, "AUP")
        == performance(found, "Model-free AUP")
        == performance(found, "Standard")
        == -1
    )


def test_bad_input_is_refused_in_one_line():
    world = vase_world()
    with pytest.raises(ValueError, match=r"^option = 'lambda': options are lam, [^\n]+$"):
        impact.sweep(world, impact.EXACT, "lambda", [1], seeds(1))
    with pytest.raises(ValueError, match=r"^lambda = -1[^\n]+$"):
        impact.sweep(world, impact.EXACT, "lam", [-1], seeds(1))
    broken = replace(world, next_state=np.roll(world.next_state, 1, axis=0))
    with pytest.raises(ValueError, match=r"^next_state: a terminal state must lead to itself"):
        impact.ablate(broken, impact.EXACT, seeds(1))
    for table in ("reward", "hidden", "terminal", "board"):
        with pytest.raises(ValueError, match=rf"^{table} \[5"):
            impact.check_world(replace(world, **{table: getattr(world, table)[:5]}))
    for given in ({"start": 12}, {"noop": 5}, {"next_state": world.next_state + 6}):
        with pytest.raises(ValueError, match=r"^(start|state 0, action 3 leads to 13)"):
            impact.check_world(replace(world, **given))
