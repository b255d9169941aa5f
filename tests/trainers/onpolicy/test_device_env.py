"""Rollouts beside mazes of tensors are those of any other environment, without the waiting."""

import numpy as np
import pytest
import torch

from chisel import configs, models
from chisel.configs import NumericsError
from chisel.envs.maze import make_training
from chisel.trainers.onpolicy.reward_norm import DeviceRewardNormalizer, RewardNormalizer
from chisel.trainers.runs.assembly import build_module, device_of
from chisel.trainers.runs.callbacks import LogIteration
from tests.trainers.conftest import fit, same, weights
from tests.trainers.runs.test_resume import saver, timeless

CPU = torch.device("cpu")
DEVICE = ("env.engine=device", "trainer.accelerator=cpu", "frames=1024")
ROUTED = (
    *("env.cheese=stock", "env.goals=cheese-and-corner", "env.timeout=25"),
    *("routing.labels.source=maze-goal", "routing.labels.share=0.7"),
    *("routing.labels.correlation=0.4", "routing.labels.delay=3"),
)


def build(*settings):
    config = configs.load("maze/smoke", [*DEVICE, *settings])
    return build_module(config, 0, CPU, None, print)


class Plain:
    """The same mazes through the calls that every environment has."""

    def __init__(self, env):
        for name in ("reset", "step", "observe", "get_state", "set_state", "num_envs", "metadata"):
            setattr(self, name, getattr(env, name))
        self.single_observation_space = env.single_observation_space
        self.single_action_space = env.single_action_space


@pytest.mark.parametrize("next_obs", [False, True])
def test_a_rollout_its_labels_and_episodes_are_those_of_single_steps(next_obs):
    found = []
    for wrap in (lambda env: env, Plain):
        module = build(*ROUTED)
        module.collector.env = wrap(module.collector.env)
        module.algorithm.needs_next_obs = next_obs
        module.on_fit_start()
        for _ in range(3):
            module.routes.begin(0)
            last = module.collector.collect(module, module.buffer)
            module.routes.finish(module.buffer.columns, module)
        found.append((module.buffer.columns | {"last": last}, list(module.collector.episodes)))
    assert same(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
    assert len(found[0][1]) > 20
    assert len(found[0][0]["labels"].unique()) >= 3


def test_training_goes_on_to_the_bit(tmp_path):
    whole, again, logs = build(*ROUTED), build(*ROUTED, "seed=9"), ([], [])
    first, second = (LogIteration(lambda m, i, n, log=log: log.append(timeless(m))) for log in logs)
    fit(whole, callbacks=[saver(tmp_path), first])
    fit(again, callbacks=[second], checkpoint=tmp_path / "iter-00000002.ckpt")
    assert same(weights(whole), weights(again))
    assert logs[0][2:] == logs[1]


def test_an_agent_sees_what_the_native_engine_shows():
    module = build()
    native = configs.load("maze/smoke")
    assert module.about["spaces"] == models.spaces_of(make_training(native.env, seed=0)).to_plain()


@pytest.mark.parametrize(
    ("settings", "broken", "message"),
    [
        ((), "rewards", "reward of environment 2 is not finite"),
        (("env.observation=float",), "obs", "observation of environment 2 is not finite"),
    ],
)
def test_numbers_that_are_not_finite_are_found_at_the_end_of_the_rollout(settings, broken, message):
    module = build(*settings)
    env, advance = module.collector.env, module.collector.env.advance

    def advance_badly(actions):
        obs, rewards, *rest = advance(actions)
        {"obs": obs, "rewards": rewards}[broken][2] = torch.nan
        return obs, rewards, *rest

    env.advance = advance_badly
    with pytest.raises(NumericsError, match=message):
        fit(module)


def test_logits_that_are_not_finite_are_found_at_the_end_of_the_rollout():
    module = build()
    torch.nn.init.constant_(module.model.fc_policy.bias, torch.nan)
    with pytest.raises(NumericsError, match="policy logits are not finite"):
        fit(module)


def test_rewards_normalised_on_the_device_are_those_of_the_host_up_to_rounding():
    rng = np.random.default_rng(0)
    rewards = np.where(rng.random((300, 8)) < 0.1, 10.0, 0.0).astype(np.float32) + 100
    dones = rng.random((300, 8)) < 0.1
    host, ours = (
        kind(8, gamma=0.99, clip=1e6) for kind in (RewardNormalizer, DeviceRewardNormalizer)
    )
    for part in (slice(0, 120), slice(120, 300)):
        expected = host(rewards[part].astype(np.float64), dones[part])
        found = ours(torch.from_numpy(rewards[part]), torch.from_numpy(dones[part]))
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        theirs, state = host.get_state(), ours.get_state()
        np.testing.assert_allclose(state["moments"], theirs["moments"], rtol=1e-10)
        np.testing.assert_allclose(state["returns"], theirs["returns"], rtol=1e-12)
        ours = DeviceRewardNormalizer(8, gamma=0.99, clip=1e6)
        ours.set_state(state)


def test_a_device_engine_without_gpu_is_refused_unless_the_cpu_is_meant(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    config = configs.load("maze/smoke", ["env.engine=device"])
    with pytest.raises(configs.ConfigError, match=r"torch sees no GPU; use env\.engine=native"):
        device_of(config)
    assert device_of(configs.load("maze/smoke", DEVICE)) == CPU
