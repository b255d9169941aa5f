"""Deep AUP as a whole: its phases, what the released code does, placebos, and resuming."""

import dataclasses

import numpy as np
import pytest
import torch

from chisel import configs, models
from chisel.configs import CheckpointError, ConfigError, GridMlpConfig, ImpalaConfig
from chisel.trainers.aup.deep.build import make_deep_aup
from chisel.trainers.aup.deep.double_dqn import QNetworks
from chisel.trainers.aup.deep.placebos import ConstantCost, FixedValues, ShuffledValues
from chisel.trainers.aup.deep.released import ReleasedCritic
from chisel.trainers.aup.module import penalty
from chisel.trainers.aup.penalty_mean import PenaltyMean, recorded_mean
from chisel.trainers.runs.callbacks import LogIteration
from tests.trainers.aup.deep_runs import (
    CPU,
    Shown,
    deep_config,
    make_deep,
    place,
    rollout_of,
)
from tests.trainers.conftest import fit, same, weights
from tests.trainers.runs.test_resume import saver, timeless
from tests.trainers.worlds import Corridor

METHODS = {
    "corrected": {},
    "several": {"aux": {"num": 2, "latent": 3}},
    "projection": {"aux": {"reward": "projection", "steps": 64}},
    "faithful": {"faithful": True},
    "frozen": {"placebo": "frozen", "penalty_mean": 0.5},
    "constant": {"placebo": "constant", "penalty_mean": 0.5},
    "shuffled": {"placebo": "shuffled"},
    "shuffled, as released": {"placebo": "shuffled", "faithful": True, "penalty_mean": 0.5},
}


def logged(module, log, **options):
    write = LogIteration(lambda metrics, i, steps: log.setdefault(i, timeless(metrics)))
    fit(module, callbacks=[write, *options.pop("callbacks", ())], **options)


def bits(state):
    """All tensors of a nested state, in their order, and everything else as text."""
    if isinstance(state, torch.Tensor):
        return [state]
    if isinstance(state, dict | list | tuple):
        parts = state.values() if isinstance(state, dict) else state
        return [one for part in parts for one in bits(part)]
    return [repr(state)]


def equal_bits(one, other):
    pairs = list(zip(bits(one), bits(other), strict=True))
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


@pytest.mark.parametrize("method", METHODS)
def test_resuming_in_every_phase_ends_with_identical_bits(method, tmp_path):
    whole, log = make_deep(**METHODS[method]), {}
    logged(whole, log, callbacks=[saver(tmp_path)])
    for stop in range(1, 8):
        again, relog = make_deep(seed=50 + stop, **METHODS[method]), {}
        logged(again, relog, checkpoint=tmp_path / models.checkpoint_name(stop))
        assert same(weights(whole), weights(again)), f"resumed after iteration {stop}"
        assert equal_bits(whole.algorithm.get_state(), again.algorithm.get_state()), stop
        assert relog == {i: log[i] for i in range(stop + 1, 9)}


def test_the_phases_follow_each_other_and_log_what_they_do():
    module, log = make_deep(aux={"frames": 33, "steps": 17}), {}
    before = weights(module)
    seen = []
    own = LogIteration(lambda *_: seen.append(same(before, weights(module))))
    logged(module, log, callbacks=[own])
    columns = ("aup/encoder_loss", "aup/q_loss", "aup/gate", "aup/penalty", "aup/lambda")
    assert {i: [c.removeprefix("aup/") for c in columns if c in m] for i, m in log.items()} == {
        1: [],
        2: [],
        3: [],  # 33 frames are three iterations of 16
        4: ["encoder_loss"],
        5: ["encoder_loss"],
        6: ["q_loss"],
        7: ["q_loss", "gate"],
        8: ["penalty", "lambda"],
    }
    assert seen == [True] * 7 + [False]


def test_a_finished_run_keeps_no_frames_and_no_replay():
    module = make_deep()
    fit(module)
    state = module.algorithm.get_state()["auxiliary"]
    assert len(state["rewards"]["views"]) == 0
    assert state["rewards"]["optimizer"] is None
    assert state["critic"]["replay"]["steps"] == {}


def test_rewards_are_those_of_the_board_before_the_step():
    env = Shown(timeout=6, final_obs=True)
    buffer, _ = rollout_of(env, lambda obs: (torch.zeros(4, 2), torch.zeros(4)), steps=20)
    at = buffer["obs"][:, :, 1, :, 0].argmax(-1)
    assert torch.equal(buffer["whole"].flatten(2).argmax(-1), at)
    assert (buffer["dones"]).any()


def test_the_agent_is_charged_by_the_slow_transcription_of_the_equation():
    module = make_deep(aup_lambda=0.7)
    fit(module)
    aup, buffer = module.algorithm, module.buffer
    last = module.collector.collect(module, buffer)
    plain = buffer["rewards"].clone()
    q = aup.auxiliary.values(buffer.flat("obs")).view(4, 4, 1, 9)
    aup.finish(buffer, last)
    for t in range(4):
        for row in range(4):
            action = int(buffer["actions"][t, row])
            cost = 0.7 * abs(float(q[t, row, 0, action] - q[t, row, 0, 0]))
            wanted = float(plain[t, row]) - cost
            assert float(buffer["rewards"][t, row]) == pytest.approx(wanted, abs=1e-5)


def test_a_weight_of_zero_is_plain_ppo_once_the_agent_begins():
    """Placebos of different costs at weight 0 train the same agent, and so does PPO from there."""
    runs = []
    for placebo in ("constant", "frozen"):
        module = make_deep(placebo=placebo, aup_lambda=0.0)
        fit(module)
        runs.append(weights(module))
    assert same(*runs)
    unpenalised = make_deep(placebo="constant", aup_lambda=0.0)
    unpenalised.algorithm.auxiliary.values = lambda obs: torch.zeros(len(obs), 1, 9)
    fit(unpenalised)
    assert same(runs[0], weights(unpenalised))


def released_critic(seed=0):
    net = ImpalaConfig(channels=(4,), hidden=16)
    base = models.build(net, models.spaces_of(Shown()), seed=seed)
    options = deep_config(faithful=True, aux={"gamma": 0.6, "learning_rate": 3e-3}).algo
    generator = torch.Generator().manual_seed(seed)
    return ReleasedCritic(base, options, generator=generator, device=CPU)


def test_released_values_differ_between_actions_as_they_were_drawn_for_ever():
    """Only the mean of the outputs is trained: the rows of the head move together."""
    critic, env = released_critic(), Shown(final_obs=True)
    head = critic.network.fc_value
    before, bias = head.weight.detach().clone(), head.bias.detach().clone()
    obs = torch.from_numpy(env.observe())
    gaps = critic.values(obs)[:, 0].diff()
    for number in range(50):
        buffer, _ = rollout_of(env, critic.policy, seed=number)
        rewards = place(buffer.flat("whole")).view(8, 4, 1)
        critic.learn(buffer, rewards, 0.0)
    moved = head.weight.detach() - before
    assert float(moved.abs().max()) > 1e-2
    assert float((moved - moved[0]).abs().max()) < 1e-6
    assert float((head.bias.detach() - bias).diff().abs().max()) < 1e-6
    # Yet the "penalty" changes: the features do.
    assert float((critic.values(obs)[:, 0].diff() - gaps).abs().max()) > 1e-3


def test_the_mean_of_released_values_does_learn():
    critic, env, errors = released_critic(), Shown(final_obs=True), []
    for number in range(60):
        buffer, _ = rollout_of(env, critic.policy, seed=number)
        rewards = place(buffer.flat("whole")).view(8, 4, 1)
        errors.append(critic.learn(buffer, rewards, 0.0)["aup/q_loss"])
    assert np.mean(errors[-10:]) < 0.5 * np.mean(errors[:10])


def test_a_constant_cost_is_one_for_every_action_but_doing_nothing():
    values = FixedValues(ConstantCost(4, 2), 4, CPU).values(torch.zeros(5, 3))
    actions = torch.tensor([0, 1, 2, 3, 2])
    found = penalty(values, actions, 2, deviation="absolute", scale="none")
    assert found.tolist() == [1, 1, 0, 1, 0]


def test_frozen_values_are_those_with_which_aup_begins():
    frozen, learnt = make_deep(placebo="frozen"), make_deep()
    obs = torch.from_numpy(frozen.collector.env.observe())
    assert isinstance(frozen.algorithm.auxiliary.network, QNetworks)
    first = frozen.algorithm.auxiliary.values(obs)
    assert torch.equal(first, learnt.algorithm.auxiliary.values(obs))
    fit(frozen)
    fit(learnt)
    assert torch.equal(first, frozen.algorithm.auxiliary.values(obs))
    assert not torch.equal(first, learnt.algorithm.auxiliary.values(obs))


def test_shuffled_values_are_those_of_other_states_and_doing_nothing_stays_free():
    module = make_deep(placebo="shuffled")
    fit(module)
    shuffled = module.algorithm.auxiliary
    assert isinstance(shuffled, ShuffledValues)
    obs = module.buffer.flat("obs")
    own, found = shuffled.inner.values(obs), shuffled.values(obs)
    assert not torch.equal(own, found)
    rows = [sorted(map(tuple, one[:, 0].tolist())) for one in (own, found)]
    assert rows[0] == rows[1]
    noop = torch.zeros(len(obs), dtype=torch.int64)
    assert not penalty(found, noop, 0, deviation="absolute", scale="none").any()


@pytest.mark.parametrize("course", ["steady", "falling", "rising"])
def test_what_is_charged_under_a_growing_weight_has_the_mean_that_is_asked_for(course):
    scaling, charged, weights = PenaltyMean(0.5), 0.0, torch.linspace(0, 1.5, 200)
    drawn = torch.rand(200, 64, generator=torch.Generator().manual_seed(0)) * 3
    trend = torch.logspace(0, -2, 200)  # as AUP's own, whose agent learns to avoid it
    trend = {"steady": torch.ones(200), "falling": trend, "rising": trend.flip(0)}[course]
    for rollout, weight in zip(drawn * trend[:, None], weights.tolist(), strict=True):
        charged += weight * float(scaling(rollout, weight).mean())
    assert charged == pytest.approx(0.5 * float(weights.sum()), rel=0.01)


def test_an_agent_that_hardly_ever_pays_is_not_charged_enormously():
    scaling = PenaltyMean(0.5)
    assert scaling(torch.zeros(3), 1.0).tolist() == [0, 0, 0]
    for _ in range(9):
        scaling(torch.ones(100), 1.0)
    once = torch.zeros(100)
    once[0] = 1.0
    assert float(scaling(once, 1.0)[0]) == pytest.approx(10 * 0.5 * 1003 / 901)


def test_the_mean_of_a_run_is_read_from_its_record(tmp_path):
    record(tmp_path, "1,16,,\n2,32,0.25,0.5\n3,48,0.5,1.5\n")
    assert recorded_mean(str(tmp_path)) == (0.25 * 0.5 + 0.5 * 1.5) / 2
    module, log = make_deep(placebo="constant", penalty_like=str(tmp_path)), {}
    logged(module, log)
    charged = [float(log[i]["aup/penalty"]) for i in (7, 8)]
    assert np.mean(charged) == pytest.approx(0.4375, rel=0.1)


def record(folder, rows):
    """Write what a run of three iterations of 16 steps leaves."""
    small = ["frames=63", "env.num_envs=4", "algo.num_steps=4"]
    (folder / "config.yaml").write_text(configs.to_yaml(configs.load("safelife/ppo", small)))
    (folder / "metrics.csv").write_text(f"iteration,env_steps,aup/penalty,aup/lambda\n{rows}")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,16,,\n2,32,,\n3,48,0.0,1.0\n", r"metrics\.csv has no penalty \(aup/penalty\) above 0"),
        (
            "1,16,,\n2,32,0.5,1.0\n",
            "has trained 32 of 63 frames; finish it first, with `chisel resume",
        ),
    ],
)
def test_a_run_without_a_penalty_or_without_its_end_is_refused(rows, message, tmp_path):
    record(tmp_path, rows)
    with pytest.raises(ConfigError, match=message):
        make_deep(placebo="constant", penalty_like=str(tmp_path))


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="nowhere"):
        make_deep(placebo="constant", penalty_like=str(tmp_path / "nowhere"))


def test_a_world_that_does_not_show_itself_whole_is_refused():
    with pytest.raises(ConfigError, match="offers no view of its whole world"):
        make_deep_aup(deep_config(), Corridor(), device=CPU)


def test_released_values_need_a_network_whose_value_head_reads_the_policys_features():
    config = dataclasses.replace(deep_config(faithful=True), model=GridMlpConfig(hidden=8))
    with pytest.raises(ConfigError, match=r"model\.name=grid-mlp has a separate value network"):
        make_deep_aup(config, Shown(), device=CPU)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["trainer.devices=2"], "algo.name = deep-aup: auxiliary values are learnt in one process"),
        (["frames=100000"], r"leaves the agent nothing of frames = 100000; set frames=423\d\d\d"),
        (["algo.aux.replay=100"], r"must hold more than a rollout; set algo\.aux\.replay=336"),
        (["algo.aux.num=2"], "an encoding of one number gives one reward"),
        (["algo.penalty_mean=1", "algo.penalty_like=x"], "gives a mean too; set only one of them"),
        (["algo.penalty_mean=0"], r"algo\.penalty_mean = 0.*above 0"),
        (["algo.faithful=true", "algo.placebo=frozen"], r"leave algo\.placebo=frozen out"),
        (["algo.faithful=true", "algo.aux.num=2"], r"leave algo\.aux\.num=2 out"),
        (["algo.faithful=true", "algo.aux.reward=projection"], r"algo\.aux\.reward=projection"),
        (["algo.faithful=true", "algo.aux.updates=5"], "no effect with algo.faithful = true"),
        (["algo.aux.reward=projection", "algo.aux.latent=2"], "no effect with algo.aux.reward"),
        (["algo.placebo=constant", "algo.aux.gate=0.5"], "no effect with algo.placebo = constant"),
        (["algo.placebo=frozen", "algo.aux.updates=5"], "no effect with algo.placebo = frozen"),
        (["algo.placebo=constant", "algo.deviation=decrease"], "the constant cost is 0"),
        (["algo.aup_lambda_start=null"], "a ramp needs a weight to start from"),
        (["algo.aux.gamma=1"], r"algo\.aux\.gamma = 1.*below 1"),
        (["algo.aux.epsilon=2"], r"algo\.aux\.epsilon = 2.*at most 1"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(settings, message):
    with pytest.raises(ConfigError, match=message) as error:
        configs.load("safelife/aup", settings)
    assert "\n" not in str(error.value)


def test_all_methods_share_task_levels_agent_and_curriculum():
    """Only what is compared differs; Naive adds its own penalty to the world."""
    ours = configs.load("safelife/aup")
    for name in ("faithful", "projection", "frozen", "constant", "shuffled"):
        other = configs.load(f"safelife/aup-{name}")
        assert (other.env, other.model, other.frames) == (ours.env, ours.model, ours.frames)
    ppo, naive = configs.load("safelife/ppo"), configs.load("safelife/naive")
    assert (ours.env, ours.model, ours.frames) == (ppo.env, ppo.model, ppo.frames)
    for option in vars(ppo.algo):
        if option != "name":
            assert getattr(ours.algo, option) == getattr(ppo.algo, option), option
    assert naive.algo == ppo.algo
    ramp = naive.env.side_effect_penalty
    assert (ramp.start_frame, ramp.end_frame) == (
        ppo.env.min_performance.start_frame,
        ppo.env.min_performance.end_frame,
    )
