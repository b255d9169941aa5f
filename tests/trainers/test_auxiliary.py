"""Auxiliary rewards, replay and values: against slow transcriptions and exact values."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import configs
import envs
from envs.gridworlds import board_planes
from tests.trainers.worlds import Corridor
from trainers.aup import make_aup
from trainers.auxiliary_rewards import RewardPerView
from trainers.collector import Collector
from trainers.replay import Replay
from trainers.rollout import RolloutBuffer

CPU = torch.device("cpu")
NOTHING = 4


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


class BoardModel(NamedTuple):
    """What a random walk can find out about a world whose states it sees as boards."""

    chances: np.ndarray
    """`[B, A, B]`: that the episode goes on at a board."""
    arrivals: np.ndarray
    """`[B, A, B]`: of arriving at a board, also where the episode ends."""
    visits: np.ndarray
    """`[B]`, expected number in an episode."""


def by_board(mdp, max_steps):
    """States that look alike count as often as random episodes of `max_steps` meet them."""
    states, actions = mdp.next_state.shape
    visits, here = np.zeros(states), np.eye(states)[mdp.start]
    for _ in range(max_steps):
        visits += here
        after = np.zeros(states)
        for action in range(actions):
            np.add.at(after, mdp.next_state[:, action], here / actions)
        here = after * ~mdp.terminal
    per_board = np.bincount(mdp.board, visits, len(mdp.boards))
    arrivals = np.zeros((len(mdp.boards), actions, len(mdp.boards)))
    chances = arrivals.copy()
    for state in np.flatnonzero(visits):
        for action, after in enumerate(mdp.next_state[state]):
            place = mdp.board[state], action, mdp.board[after]
            arrivals[place] += visits[state] / per_board[mdp.board[state]]
            if not mdp.terminal[after]:
                chances[place] += visits[state] / per_board[mdp.board[state]]
    return BoardModel(chances, arrivals, per_board)


def exact(model, rewards, gamma):
    """Q `[K, B, A]` by value iteration; paid on arrival, nothing after a terminal state."""
    paid = np.einsum("bac,kc->kba", model.arrivals, rewards)
    boards, actions, _ = model.chances.shape
    chances, values = model.chances.reshape(-1, boards).T, np.zeros_like(rewards)
    for _ in range(100_000):
        q = paid + gamma * (values @ chances).reshape(-1, boards, actions)
        if np.abs(q.max(-1) - values).max() < 1e-6:
            return q
        values = q.max(-1)
    raise AssertionError("no convergence")


def learnt_and_exact(settings):
    """Q `[K, V, A]` of boards that are visited, after an auxiliary phase, and the exact ones."""
    config = configs.load("gridworld/aup-ppo", settings)
    env = envs.make(config.env, seed=0)
    algorithm = make_aup(config, env, device=CPU)
    collector = Collector(env, seed=0, generator=torch.Generator().manual_seed(0))
    shape = (config.algo.num_steps, env.num_envs, collector.obs.shape[1:])
    buffer = RolloutBuffer(*shape, torch.uint8, CPU, arrivals=True)
    last = torch.zeros(env.num_envs)
    while algorithm.explores:
        collector.collect(lambda obs: (torch.zeros(len(obs), 5), last), buffer)
        algorithm.finish(buffer, last)
    mdp = env.mdp
    model = by_board(mdp, config.env.max_steps or env.world.max_steps)
    boards = torch.from_numpy(board_planes(mdp.boards, env.world.planes))
    rewards = algorithm.auxiliary.rewards(boards).double().numpy().T
    seen = model.visits > 0
    learnt = algorithm.auxiliary.values(boards).double().numpy().swapaxes(0, 1)
    return learnt[:, seen], exact(model, rewards, config.algo.aux.gamma)[:, seen]


def changes(q):
    """`|Q(s, a) - Q(s, noop)|`."""
    return np.abs(q - q[..., [NOTHING]])


def test_values_converge_to_exact_ones_in_a_small_world():
    """Where episodes are cut off often, which must not count as an end."""
    learning = ["num=4", "gamma=0.9", "steps=8192", "updates=250", "batch_size=128"]
    learnt, known = learnt_and_exact(
        [
            *("env.world=vase", "env.max_steps=40", "env.num_envs=16", "model.hidden=64"),
            *(f"algo.aux.{one}" for one in [*learning, "learning_rate=3e-3"]),
        ]
    )
    assert np.abs(learnt - known).mean() < 0.01 * known.max()
    assert np.abs(changes(learnt) - changes(known)).mean() < 0.005 * known.max()


@pytest.mark.slow
@pytest.mark.parametrize("world", ["options", "damage"])
def test_learnt_penalties_are_exact_to_two_thousandths_and_rank_alike(world):
    learnt, known = learnt_and_exact([f"env.world={world}"])
    wrong = np.abs(changes(learnt) - changes(known)) / known.max()
    assert wrong.mean() < 0.002
    assert np.quantile(wrong, 0.95) < 0.002
    others = np.arange(5) != NOTHING
    found, wanted = (
        (changes(q) / np.maximum(q[..., [NOTHING]], 1)).mean(0)[:, others] for q in (learnt, known)
    )
    assert np.abs(found - wanted).mean() < 0.002
    assert spearmanr(found.ravel(), wanted.ravel()).statistic > 0.95
