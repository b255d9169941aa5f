"""The penalty is the paper's, plain PPO is its special case, and a run goes on to the bit."""

import dataclasses

import numpy as np
import pytest
import torch

from chisel import configs, impact, models
from chisel.configs import ConfigError
from chisel.configs.rules.aup import aup_problems
from chisel.configs.schema import AutoencoderNetConfig
from chisel.trainers.aup.module import penalty
from chisel.trainers.onpolicy.ppo import build_ppo
from chisel.trainers.runs.callbacks import LogIteration
from tests.trainers.conftest import fit, make_aup, same, weights
from tests.trainers.runs.test_resume import saver, timeless
from tests.trainers.worlds import Corridor

NOOP = 2


def table(rows=50, functions=4, actions=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, functions, actions, generator=generator, dtype=torch.float64) * 3
    return values, torch.randint(0, actions, (rows,), generator=generator)


def test_penalties_of_a_small_table_are_those_of_the_equation():
    """Two auxiliary values of doing nothing, 10 and 4; the action makes them 5 and 6."""
    values = torch.tensor([[[5.0, 0.0, 10.0], [6.0, 0.0, 4.0]]])
    found = {
        (deviation, scale): float(
            penalty(values, torch.tensor([0]), NOOP, deviation=deviation, scale=scale)
        )
        for deviation in ("absolute", "decrease")
        for scale in ("noop", "none")
    }
    assert found == {
        ("absolute", "noop"): 0.5,  # (5/10 + 2/4) / 2
        ("absolute", "none"): 3.5,  # (5 + 2) / 2
        ("decrease", "noop"): 0.25,  # 5/10 / 2
        ("decrease", "none"): 2.5,
    }


@pytest.mark.parametrize("deviation", ["absolute", "decrease"])
@pytest.mark.parametrize("scale", ["noop", "none"])
def test_the_noop_has_no_penalty_and_no_penalty_is_negative(deviation, scale):
    values, actions = table()
    found = penalty(values, actions, NOOP, deviation=deviation, scale=scale)
    assert (found[actions == NOOP] == 0).all()
    assert (found >= 0).all()
    assert (found[actions != NOOP] > 0).any()


def test_a_value_near_zero_does_not_blow_the_penalty_up():
    values = torch.tensor([[[0.5, 0.0, 1e-9]]])
    found = penalty(values, torch.tensor([0]), NOOP, deviation="absolute", scale="noop")
    assert float(found) == pytest.approx(0.5)


@pytest.mark.parametrize("deviation", ["absolute", "decrease"])
def test_where_no_value_is_small_it_is_the_penalty_that_exact_values_have(deviation):
    """`impact.step_penalty` differs in its divisor alone, which has no lower bound."""
    values, actions = table()
    values[:, :, NOOP] += torch.where(values[:, :, NOOP] < 0, -1.0, 1.0)
    found = penalty(values, actions, NOOP, deviation=deviation, scale="noop")
    exact = impact.step_penalty(values.movedim(1, 0).numpy(), NOOP, deviation, "each")
    assert found.numpy() == pytest.approx(exact[np.arange(50), actions], abs=1e-12)


def by_hand(values, action, weight, deviation, scale):
    """λ times the mean over auxiliary rewards, one by one."""
    total = 0.0
    for row in values.tolist():
        change = row[action] - row[0]
        change = abs(change) if deviation == "absolute" else max(-change, 0.0)
        total += change / (max(abs(row[0]), 1.0) if scale == "noop" else 1.0)
    return weight * total / len(values)


@pytest.mark.parametrize(
    ("deviation", "scale"), [("absolute", "noop"), ("absolute", "none"), ("decrease", "none")]
)
def test_rewards_are_shaped_as_a_slow_transcription_shapes_them(deviation, scale):
    module = make_aup(deviation=deviation, scale=scale, norm_reward=False)
    fit(module)
    aup, buffer = module.algorithm, module.buffer
    last = module.collector.collect(module, buffer)
    plain = buffer["rewards"].clone()
    values = aup.auxiliary.values(buffer.flat("obs")).reshape(8, 4, 3, 2)
    aup.finish(buffer, last)
    for t in range(8):
        for row in range(4):
            action = int(buffer["actions"][t, row])
            cost = by_hand(values[t, row], action, 0.6662, deviation, scale)
            # Values of some hundreds have rounding errors of 1e-5 in float32.
            wanted = float(plain[t, row]) - cost
            assert float(buffer["rewards"][t, row]) == pytest.approx(wanted, abs=1e-4, rel=1e-6)
    assert aup.metrics()["aup/lambda"] == 0.6662
    shaped = float((plain - buffer["rewards"]).mean())
    assert aup.metrics()["aup/penalty"] * 0.6662 == pytest.approx(shaped, abs=1e-4)


def test_the_weight_grows_linearly_and_then_stays():
    module = make_aup(iterations=9, phase=2, aup_lambda_start=0.1, aup_lambda_ramp=128)
    seen = []
    write = LogIteration(lambda metrics, i, steps: seen.append(metrics.get("aup/lambda")))
    fit(module, callbacks=[write])
    assert seen[:2] == [None, None]
    assert seen[2:] == pytest.approx(
        [0.1 + (0.6662 - 0.1) * share for share in (0, 0.25, 0.5, 0.75, 1, 1, 1)]
    )


def test_a_weight_of_zero_is_plain_ppo_bit_for_bit():
    """Also while auxiliary values go on being learnt."""
    options = {"phase": 0, "aup_lambda": 0.0, "iterations": 4}
    runs = []
    for more in ({"aux": {"learn_on": True}}, {"build": build_ppo}):
        module, log = make_aup(**options, **more), []
        fit(module, callbacks=[LogIteration(lambda m, i, steps, into=log: into.append(m))])
        runs.append((module, log))
    (penalised, its_log), (plain, plain_log) = runs
    assert same(weights(penalised), weights(plain))
    for one, other in zip(its_log, plain_log, strict=True):
        assert timeless({k: v for k, v in one.items() if not k.startswith("aup/")}) == (
            timeless(other)
        )


def test_the_auxiliary_phase_acts_at_random_and_leaves_the_agent_as_it_was():
    module = make_aup(iterations=40, phase=30, aux={"exploring": 0.0})
    before, actions = weights(module), []
    fit(module, epochs=30, callbacks=[LogIteration(lambda *_: actions.append(chosen(module)))])
    assert same(before, weights(module))
    assert module.metrics().keys() & {"losses/policy_loss", "aup/penalty"} == set()
    share = np.mean(actions)
    assert abs(share - 0.5) < 4 * 0.5 / np.sqrt(30 * 32)
    assert not module.algorithm.in_auxiliary_phase
    assert module.algorithm.learning_rate(30 / 40) == 3e-3
    assert module.algorithm.learning_rate(35 / 40) == pytest.approx(1.5e-3)


def chosen(module):
    return module.buffer["actions"].float().mean().item()


def test_auxiliary_values_stay_after_their_phase_unless_learn_on():
    for learn_on in (False, True):
        module = make_aup(iterations=3, phase=1, aux={"learn_on": learn_on})
        fit(module, epochs=1)
        before = {k: v.clone() for k, v in network(module).items()}
        fit(module, epochs=3)
        assert same(before, network(module)) != learn_on
        assert (len(module.algorithm.auxiliary.replay) > 0) == learn_on


def network(module):
    return module.algorithm.auxiliary.network.state_dict()


@pytest.mark.parametrize("learn_on", [False, True])
def test_resuming_from_every_iteration_of_both_phases_ends_with_identical_bits(learn_on, tmp_path):
    options = {
        "iterations": 6,
        "phase": 3,
        "aux": {"learn_on": learn_on},
        "aup_lambda_start": 0.0,
        "aup_lambda_ramp": 64,
    }
    whole, log = make_aup(**options), {}
    logger = LogIteration(lambda metrics, i, steps: log.setdefault(i, metrics))
    fit(whole, callbacks=[logger, saver(tmp_path)])
    for stop in range(1, 6):
        again, relog = make_aup(**options, seed=100 + stop), {}
        relogger = LogIteration(lambda m, i, steps, into=relog: into.setdefault(i, m))
        path = tmp_path / models.checkpoint_name(stop)
        fit(again, callbacks=[relogger], checkpoint=path)
        assert same(weights(whole), weights(again)), f"resumed after iteration {stop}"
        assert same(network(whole), network(again)), f"resumed after iteration {stop}"
        assert {i: timeless(m) for i, m in relog.items()} == {
            i: timeless(log[i]) for i in range(stop + 1, 7)
        }


def test_an_environment_that_names_no_action_of_doing_nothing_is_refused():
    env = Corridor()
    env.noop = None
    with pytest.raises(ConfigError, match="doesn't say which action does nothing"):
        make_aup(env)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["trainer.devices=2"], "in one process, not in 2; set trainer.devices=1"),
        (["frames=100000"], r"algo\.aux\.steps = 200000: leaves the agent nothing"),
        (["algo.aux.steps=0"], "no auxiliary values would be learnt"),
        (["algo.aup_lambda_ramp=1000"], "a ramp needs a weight to start from"),
        (["algo.aup_lambda_start=0"], "a ramp needs a weight to start from"),
        (["algo.aup_lambda=-1"], r"algo\.aup_lambda = -1.*at least 0"),
        (["algo.aux.gamma=1"], r"algo\.aux\.gamma = 1.*below 1"),
        (["algo.aux.sweeps=0"], r"algo\.aux\.sweeps = 0.*at least 1"),
        (["algo.aux.exploring=2"], r"algo\.aux\.exploring = 2.*at most 1"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(settings, message):
    with pytest.raises(ConfigError, match=message) as error:
        configs.load("gridworld/aup-ppo", settings)
    assert "\n" not in str(error.value)


def test_a_width_for_auxiliary_networks_needs_a_network_with_one_width():
    config = configs.load("gridworld/aup-ppo", ["algo.aux.hidden=64"])
    assert list(aup_problems(config)) == []
    many = dataclasses.replace(config, model=AutoencoderNetConfig(hidden=(64, 32)))
    (problem,) = aup_problems(many)
    assert "has no number of features model.hidden; leave algo.aux.hidden out" in problem
