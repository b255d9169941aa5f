"""Worlds of tensors train as those of arrays do; vectors, views and tokens reach the network."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from chisel import envs
from chisel.configs import EnvironmentFault, NumericsError, PPOConfig, RunConfig
from chisel.models import ActorCritic, spaces_of
from chisel.trainers.onpolicy.ppo import build_ppo
from chisel.trainers.runs.callbacks import LogIteration
from tests.trainers.conftest import EXPERTS, fit, make_aup, make_ppo, same, weights
from tests.trainers.runs.test_resume import saver, timeless
from tests.trainers.worlds import Corridor


class TensorCorridor(Corridor):
    """The corridor as a world that lives in torch; it keeps its state in tensors, too."""

    def observe(self):
        return torch.from_numpy(super().observe())

    def step(self, actions):
        if isinstance(actions, torch.Tensor):
            self.got_tensors = True
            actions = actions.numpy()
        assert np.shape(actions) == (self.num_envs,)
        assert np.isin(actions, (0, 1)).all()
        obs, rewards, terminated, truncated, infos = super().step(actions)
        rewards, terminated, truncated = map(torch.from_numpy, (rewards, terminated, truncated))
        if "episode" in infos:
            for key in ("_episode", "_final_obs"):
                if key in infos:
                    infos[key] = torch.from_numpy(infos[key].copy())
            facts = infos["episode"].items()
            infos["episode"] = {key: torch.from_numpy(values) for key, values in facts}
        return obs, rewards.float(), terminated, truncated, infos

    def get_state(self):
        state = super().get_state()
        return state | {"arrays": [torch.tensor(one) for one in state["arrays"]]}

    def set_state(self, state):
        super().set_state(state | {"arrays": [one.tolist() for one in state["arrays"]]})


class ArrayCorridor(Corridor):
    def step(self, actions):
        assert isinstance(actions, np.ndarray)
        return super().step(actions)


KINDS = {"arrays": ArrayCorridor, "tensors": TensorCorridor}


@pytest.mark.parametrize("options", [{}, {"final_obs": True, "timeout": 5}, {"floating": True}])
def test_tensors_and_arrays_give_equal_rollouts_weights_and_logs(options):
    done = {}
    for kind, world in KINDS.items():
        module, log = make_ppo(world(**options), routing=EXPERTS), []
        fit(module, callbacks=[LogIteration(lambda m, i, n, log=log: log.append(timeless(m)))])
        done[kind] = module, log
    (one, logged), (other, relogged) = done.values()
    assert same(weights(one), weights(other))
    assert same(one.buffer.columns, other.buffer.columns)
    assert str(logged) == str(relogged)  # some are NaN
    assert other.collector.env.got_tensors


@pytest.mark.parametrize("final_obs", [False, True])
def test_next_observations_of_tensor_worlds_are_those_of_array_worlds(final_obs):
    one, other = (make_aup(kind(timeout=6, final_obs=final_obs)) for kind in KINDS.values())
    fit(one)
    fit(other)
    assert same(weights(one), weights(other))
    assert same(one.buffer.columns, other.buffer.columns)


def test_a_tensor_worlds_state_is_saved_and_training_goes_on_to_the_bit(tmp_path):
    whole = make_ppo(TensorCorridor())
    fit(whole, callbacks=[saver(tmp_path)])
    again = make_ppo(TensorCorridor(), seed=9)
    fit(again, checkpoint=tmp_path / "iter-00000002.ckpt")
    assert same(weights(whole), weights(again))


def test_numbers_of_a_tensor_world_that_are_not_finite_stop_training():
    class Broken(TensorCorridor):
        def step(self, actions):
            obs, rewards, *rest = super().step(actions)
            rewards[2] = torch.nan
            return obs, rewards, *rest

    with pytest.raises(NumericsError, match="reward of environment 2 is not finite"):
        fit(make_ppo(Broken()))


@pytest.mark.parametrize(
    ("key", "message"),
    [("_episode", "go together"), ("_final_obs", "go together"), ("success", "has no 'success'")],
)
def test_infos_that_lack_a_key_stop_training_in_one_line(key, message):
    class Lacks(Corridor):
        def step(self, actions):
            *others, infos = super().step(actions)
            infos.pop(key, None)
            infos.get("episode", {}).pop(key, None)
            return *others, infos

    with pytest.raises(EnvironmentFault, match=message):
        fit(make_ppo(Lacks(final_obs=True, timeout=5)))


class Checked(TensorCorridor):
    def __init__(self, seed):
        super().__init__(num_envs=3, final_obs=True)
        self.reset(seed=seed)

    def reset(self, *, seed=None, options=None):
        if seed is None and hasattr(self, "rng"):
            self.where[:] = self.clock[:] = 0
            self.shade = self.rng.integers(0, 200, self.num_envs)
            return self.observe(), {}
        return super().reset(seed=seed)


def test_the_contract_takes_a_world_of_tensors_and_names_its_faults():
    envs.check_vector_env(Checked, steps=300)

    class Mixed(Checked):
        def step(self, actions):
            obs, rewards, *rest = super().step(actions)
            return obs, rewards.double().numpy(), *rest

    class Reuses(Checked):
        def observe(self):
            fresh = super().observe()
            self.kept = getattr(self, "kept", fresh)
            return self.kept.copy_(fresh)

    class Forgets(Checked):
        def set_state(self, state):
            super().set_state(state | {"rng": np.random.default_rng(0).bit_generator.state})

    for broken, fault in (
        (Mixed, "step returns arrays and tensors"),
        (Reuses, "return a copy each time"),
        (Forgets, "a run restored in .* differs"),
    ):
        with pytest.raises(EnvironmentFault, match=fault):
            envs.check_vector_env(broken, steps=300)


class PackedCorridor(Corridor):
    """Shows board and clock as one vector."""

    views = spaces.Dict(
        board=spaces.Box(0, 255, (3, 5, 3), np.uint8), clock=spaces.Box(0, 8, (1,), np.uint8)
    )

    def __init__(self, **options):
        super().__init__(**options)
        self.single_observation_space = spaces.flatten_space(self.views)

    def observe(self):
        board = super().observe().reshape(self.num_envs, -1)
        return np.concatenate([board, self.clock[:, None].astype(np.uint8)], 1)


class TokenCorridor(Corridor):
    """Shows each cell as a word."""

    def __init__(self, **options):
        super().__init__(**options)
        self.single_observation_space = spaces.MultiDiscrete([3] * self.length)

    def observe(self):
        words = np.ones((self.num_envs, self.length), np.int64)
        words[np.arange(self.num_envs), self.where] = 2
        return words


class Reads(nn.Module):
    """Features of what a world shows, by the kind of its spaces."""

    def __init__(self, found):
        super().__init__()
        self.found = found
        words = found.vocabulary or 1
        self.embed = nn.Embedding(words, 4)
        self.fc = nn.Linear(4 * 5 if found.vocabulary else 3 * 5 * 3 + 1, 8)

    def forward(self, obs):
        if self.found.vocabulary:
            return self.fc(self.embed(obs.long()).flatten(1)).relu()
        board, clock = (self.found.view(obs, name) for name in ("board", "clock"))
        return self.fc(torch.cat([board.flatten(1) / 255, clock / 8], 1)).relu()


@pytest.mark.parametrize("world", [PackedCorridor, TokenCorridor])
def test_a_network_of_ones_own_learns_from_views_and_from_tokens(world):
    env = world(timeout=5)
    found = spaces_of(env)
    torch.manual_seed(0)
    model = ActorCritic(
        Reads(found),
        hidden=8,
        num_actions=2,
        obs_range=1.0,
        generator=torch.Generator().manual_seed(0),
    )
    algo = PPOConfig(num_steps=16, num_minibatches=2, update_epochs=4, learning_rate=1e-2)
    config = RunConfig(
        frames=64 * 30, env=SimpleNamespace(num_envs=4), model=SimpleNamespace(name="x"), algo=algo
    )
    module = build_ppo(config, env, model, rank=0, device=torch.device("cpu"), about={})
    fit(module)
    reached = np.mean([success for *_, success in module.collector.episodes])
    assert reached > 0.9  # random moves reach it in 6 of 32 episodes: 4 of 5 go right
