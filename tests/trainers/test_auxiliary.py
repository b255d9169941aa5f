"""Auxiliary rewards, replay and values: against slow transcriptions and exact values."""

import numpy as np
import pytest
import torch

import configs
import envs
from envs.gridworlds import board_planes, tabular
from tests.trainers.worlds import Corridor
from trainers.aup import make_aup
from trainers.auxiliary_rewards import RewardPerView
from trainers.collector import Collector
from trainers.replay import Replay
from trainers.rollout import RolloutBuffer

CPU = torch.device("cpu")


def views(count=3000, seed=0):
    """Observations like those of gridworlds, no two alike."""
    rows = np.random.default_rng(seed).integers(0, 2, (count, 4, 3, 2), dtype=np.uint8)
    return torch.from_numpy(np.unique(rows, axis=0))


def per_view(num=5, seed=0, obs_bytes=24):
    return RewardPerView(num, obs_bytes, np.random.default_rng(seed))


def test_a_reward_depends_on_the_view_alone():
    obs = views()
    rewards = per_view()(obs)
    order = torch.randperm(len(obs), generator=torch.Generator().manual_seed(0))
    assert torch.equal(per_view()(obs[order[:100]]), rewards[order[:100]])


def test_rewards_are_uniform_and_independent_between_views_and_functions():
    obs = views()
    rewards = per_view()(obs).double().numpy()
    assert rewards.min() >= 0
    assert rewards.max() < 1
    for column in rewards.T:
        counts = np.histogram(column, bins=10, range=(0, 1))[0]
        expected = len(column) / 10
        assert ((counts - expected) ** 2 / expected).sum() < 27.9  # chi-square, 9 df, p = .001
    correlations = np.corrcoef(rewards.T)[np.triu_indices(5, 1)]
    assert np.abs(correlations).max() < 4 / np.sqrt(len(rewards))
    # Views that differ in one cell have nothing in common.
    nearly = obs.clone()
    nearly[:, 0, 0, 0] ^= 1
    pairs = np.corrcoef(rewards[:, 0], per_view()(nearly)[:, 0])[0, 1]
    assert abs(pairs) < 4 / np.sqrt(len(rewards))


def test_rewards_come_back_with_their_state_and_differ_between_seeds():
    obs, first, other = views(), per_view(), per_view(seed=1)
    assert not torch.equal(first(obs), other(obs))
    other.set_state(first.get_state())
    assert torch.equal(first(obs), other(obs))


def test_rewards_are_functions_of_floats_and_of_wide_numbers_too():
    obs = views()
    for dtype, size in ((torch.float32, 4), (torch.int16, 2)):
        rewards = per_view(obs_bytes=24 * size)(obs.to(dtype))
        assert len(rewards.unique(dim=0)) == len(obs)


@pytest.mark.parametrize("sizes", [[3, 3, 3], [10], [7, 25, 1], [12, 0, 5]])
def test_a_replay_holds_the_newest_rows_also_after_its_state_was_restored(sizes):
    replay, kept, number = Replay(10, CPU), [], 0
    for size in sizes:
        rows = torch.arange(number, number + size)
        number += size
        kept = (kept + rows.tolist())[-10:]
        replay.add({"a": rows, "b": rows[:, None] * 2.0})
        again = Replay(10, CPU)
        again.set_state(replay.get_state())
        replay = again
        assert sorted(replay.columns["a"][: len(replay)].tolist()) == kept
    drawn = replay.sample(200, torch.Generator().manual_seed(0))
    assert set(drawn["a"].tolist()) == set(kept)
    assert torch.equal(drawn["b"][:, 0], drawn["a"] * 2.0)


@pytest.mark.parametrize("told", [True, False])
def test_rollouts_tell_what_each_step_led_to(told):
    """Against a second environment that plays the same actions."""
    env, twin = (Corridor(timeout=4, final_obs=told) for _ in range(2))
    buffer = RolloutBuffer(30, 4, (3, 5, 3), torch.uint8, CPU, arrivals=True)
    generator = torch.Generator().manual_seed(0)
    Collector(env, seed=3, generator=generator).collect(
        lambda obs: (torch.zeros(len(obs), 2), torch.zeros(len(obs))), buffer
    )
    twin.reset(seed=3)
    before, ends = twin.observe(), 0
    for t in range(30):
        after, _, terminated, truncated, infos = twin.step(buffer["actions"][t].numpy())
        for row in range(4):
            if terminated[row] or truncated[row]:
                ends += 1
                wanted = infos["final_obs"][row] if told else before[row]
            else:
                wanted = after[row]
            assert np.array_equal(buffer["next_obs"][t, row].numpy(), wanted)
            assert bool(buffer["terminated"][t, row]) == bool(terminated[row])
        before = after
    assert ends > 10


def exact(mdp, rewards, gamma):
    """Q `[K, S, A]` by value iteration; paid on arrival, nothing after a terminal state."""
    after, goes_on = mdp.next_state, ~mdp.terminal[mdp.next_state]
    q = np.zeros((len(rewards), *after.shape))
    for _ in range(1000):
        q = rewards[:, after] + gamma * goes_on * q.max(-1)[:, after]
    return q


def test_values_converge_to_exact_ones():
    """In a world whose boards tell its states apart; episodes are cut off often."""
    settings = ["env.world=vase", "env.max_steps=12", "env.num_envs=16", "model.hidden=64"]
    learning = ["num=4", "gamma=0.9", "steps=8192", "updates=250", "batch_size=128"]
    config = configs.load(
        "gridworld/aup-ppo",
        [*settings, *(f"algo.aux.{one}" for one in learning), "algo.aux.learning_rate=3e-3"],
    )
    env = envs.make(config.env, seed=0)
    algorithm = make_aup(config, env, device=CPU)
    collector = Collector(env, seed=0, generator=torch.Generator().manual_seed(0))
    buffer = RolloutBuffer(64, 16, collector.obs.shape[1:], torch.uint8, CPU, arrivals=True)
    last = torch.zeros(16)
    while algorithm.explores:
        collector.collect(lambda obs: (torch.zeros(16, 5), last), buffer)
        algorithm.finish(buffer, last)
    mdp = tabular("vase")
    planes = torch.from_numpy(board_planes(mdp.boards[mdp.board], env.world.planes))
    rewards = algorithm.auxiliary.rewards(planes).double().numpy().T
    q = exact(mdp, rewards, 0.9)[:, ~mdp.terminal]
    found = algorithm.auxiliary.values(planes).double().numpy().swapaxes(0, 1)[:, ~mdp.terminal]
    assert np.abs(found - q).max() < 0.01 * q.max()
    change, known = (np.abs(one - one[..., [mdp.noop]]) for one in (found, q))
    assert np.abs(change - known).mean() < 0.001 * q.max()
