"""Environments that training cannot use are refused before their first step, at every entry."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st

from chisel import envs
from chisel.configs import OversightConfig, registry
from chisel.configs.errors import EnvironmentFault
from chisel.models import spaces_of
from chisel.trainers.onpolicy.collector import Collector
from tests.envs.corridor import Corridor


class Untouched(Corridor):
    """Records whether it is reset or stepped."""

    def reset(self, *, seed=None, options=None):
        raise AssertionError("was reset")

    step = reset


def declaring(**declared):
    env = Untouched(0)
    for name, value in declared.items():
        setattr(env, name, value)
    return env


def lacking(name):
    """Has all attributes but one."""
    kept = [one for one in dir(Corridor(0)) if one not in (name, "__dict__", "__class__")]
    env = Corridor(0)
    return type("Partial", (), {one: getattr(env, one) for one in kept if one[:2] != "__"})()


class OneAtATime(gymnasium.Env):
    observation_space = spaces.Box(0, 1, (4, 4, 1))
    action_space = spaces.Discrete(2)


ACTIONS = {
    "from 1": spaces.Discrete(4, start=1),
    "from -1": spaces.Discrete(4, start=-1),
    "switches": spaces.MultiBinary(4),
    "several": spaces.MultiDiscrete([3, 3]),
    "continuous": spaces.Box(-1, 1, (2,)),
    "text": spaces.Text(3),
    "one of": spaces.OneOf([spaces.Discrete(2), spaces.Discrete(3)]),
}
OBSERVATIONS = {
    "flat": spaces.Box(0, 1, (4, 2)),
    "flat, each with its own bounds": spaces.Box(
        np.zeros((2, 2), np.uint8), np.eye(2, dtype=np.uint8), dtype=np.uint8
    ),
    "videos": spaces.Box(0, 1, (2, 4, 4, 1)),
    "numbers": spaces.Discrete(5),
    "switches": spaces.MultiBinary([4, 4, 1]),
    "dict": spaces.Dict({"image": spaces.Box(0, 1, (4, 4, 1))}),
    "tuple": spaces.Tuple([spaces.Box(0, 1, (4, 4, 1))]),
}
MODES = [None, AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED, "SameStep", True]
UNTRAINABLE = {
    **{f"actions {k}": (declaring(single_action_space=v), "from 0") for k, v in ACTIONS.items()},
    **{
        f"observations {k}": (declaring(single_observation_space=v), r"a Box of shape \(H, W, C\)")
        for k, v in OBSERVATIONS.items()
    },
    **{
        f"autoreset {mode}": (declaring(metadata={"autoreset_mode": mode}), "declare AutoresetMode")
        for mode in MODES
    },
    "autoreset unsaid": (declaring(metadata={}), "is None: declare AutoresetMode.SAME_STEP"),
    "no metadata": (declaring(metadata=None), "declare AutoresetMode.SAME_STEP"),
    "no copies": (declaring(num_envs=0), "positive int"),
    "one at a time": (OneAtATime(), "OneAtATime has no `num_envs`: give a vector environment"),
    "no spaces": (lacking("single_action_space"), "no `single_action_space`: add it"),
}
STATELESS = {
    "Gymnasium's own": gymnasium.vector.SyncVectorEnv(
        [OneAtATime], autoreset_mode=AutoresetMode.SAME_STEP
    ),
    **{f"no {name}": lacking(name) for name in ("observe", "get_state", "set_state", "close")},
}


def collector(env):
    return Collector(env, seed=0, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", UNTRAINABLE)
def test_unsuitable_environments_are_refused_before_the_first_step(name, monkeypatch):
    env, complaint = UNTRAINABLE[name]
    monkeypatch.setattr(registry, "resolve", lambda kind, name: lambda *_, **__: env)
    for pass_it in (
        envs.check_declarations,
        collector,
        lambda env: envs.make(OversightConfig(), seed=0, num_envs=3),
        lambda env: envs.check_vector_env(lambda seed: env),
    ):
        with pytest.raises(EnvironmentFault, match=complaint) as caught:
            pass_it(env)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", STATELESS)
def test_an_environment_without_state_is_refused_when_it_is_made(name, monkeypatch):
    monkeypatch.setattr(registry, "resolve", lambda *_: lambda *_, **__: STATELESS[name])
    with pytest.raises(EnvironmentFault, match=r"^the environment has no `\w+`: add it"):
        envs.make(OversightConfig(), seed=0, num_envs=3)


@given(st.integers(-3, 3), st.integers(1, 20))
@settings(max_examples=50, deadline=None)
def test_actions_are_accepted_exactly_where_the_network_numbers_them(start, number):
    """The actions must be 0 to n - 1, those of a policy with `n` logits."""
    env = Corridor(0)
    env.single_action_space = spaces.Discrete(number, start=start)
    meant = all(env.single_action_space.contains(action) for action in range(number))
    try:
        envs.check_declarations(env)
    except EnvironmentFault:
        assert not meant
    else:
        assert meant
        assert spaces_of(env).num_actions == number


def test_an_environment_with_another_number_of_copies_than_asked_for_is_refused(monkeypatch):
    monkeypatch.setattr(registry, "resolve", lambda *_: lambda config, seed, num_envs: Corridor(0))
    assert envs.make(OversightConfig(), seed=0, num_envs=3).num_envs == 3
    with pytest.raises(EnvironmentFault, match="with 3 copies where 4 were asked for"):
        envs.make(OversightConfig(), seed=0, num_envs=4)


def test_first_observations_of_another_kind_than_declared_are_refused():
    class Floats(Corridor):
        def observe(self):
            return super().observe().astype(np.float32)

    with pytest.raises(EnvironmentFault, match="reset returned float32 observations"):
        collector(Floats(0))
