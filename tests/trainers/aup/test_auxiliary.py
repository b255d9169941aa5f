"""Auxiliary rewards, replay and values: against slow transcriptions and exact values."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from chisel import configs, envs
from chisel.envs.gridworlds import board_planes
from chisel.trainers.aup.bellman import TransitionGraph, bellman_targets
from chisel.trainers.aup.build import make_aup
from chisel.trainers.aup.last_layer import correct_last_layer
from chisel.trainers.aup.normalizer import ObservationNormalizer
from chisel.trainers.aup.observation_hash import ObservationHash
from chisel.trainers.aup.replay import Replay
from chisel.trainers.aup.rewards import RandomRewards
from chisel.trainers.onpolicy.collector import Collector
from chisel.trainers.onpolicy.rollout import RolloutBuffer
from tests.trainers.worlds import Corridor

CPU = torch.device("cpu")
NOTHING = 4


def views(count=3000, seed=0):
    """Observations like those of gridworlds, no two alike."""
    rows = np.random.default_rng(seed).integers(0, 2, (count, 4, 3, 2), dtype=np.uint8)
    return torch.from_numpy(np.unique(rows, axis=0))


def per_view(num=5, seed=0, obs_bytes=24):
    return RandomRewards(num, ObservationHash(obs_bytes, np.random.default_rng(seed)))


def test_a_reward_depends_on_the_observation_alone():
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


def transitions(count, seed):
    """Few different ones, of 12 observations that differ in one byte, and 2 actions."""
    rng = np.random.default_rng(seed)
    obs, after = (torch.zeros(count, 4, 3, 2, dtype=torch.uint8) for _ in range(2))
    obs[:, 0, 0, 0] = torch.from_numpy(rng.integers(0, 12, count))
    after[:, 0, 0, 0] = torch.from_numpy(rng.integers(0, 3, count))
    return {
        "obs": obs,
        "actions": torch.from_numpy(rng.integers(0, 2, count)),
        "next_obs": after,
        "terminated": torch.from_numpy(rng.random(count) < 0.2),
        "rewards": after[:, 0, 0, :1] * 0.5,
    }


def as_tuples(rows):
    places = rows["obs"][:, 0, 0, 0], rows["actions"], rows["next_obs"][:, 0, 0, 0]
    return list(zip(*(one.tolist() for one in (*places, rows["terminated"])), strict=True))


def replay(capacity):
    return Replay(capacity, ObservationHash(24, np.random.default_rng(0)), CPU)


@pytest.mark.parametrize("capacity", [1000, 20, 3])
def test_a_replay_keeps_the_newest_distinct_transitions_also_after_it_was_restored(capacity):
    """Against a list that forgets its head; weights are shares of what was counted."""
    kept, counts, found = [], {}, replay(capacity)
    for seed, count in enumerate([5, 40, 1, 30]):
        rows = transitions(count, seed)
        for one in dict.fromkeys(as_tuples(rows)):
            if one not in kept:
                kept.append(one)
                counts[one] = 0
            counts[one] += as_tuples(rows).count(one)
            kept = kept[-capacity:]
        if capacity == 3:
            counts = {one: counts[one] for one in kept}
        found.add(rows)
        again = replay(capacity)
        again.set_state(found.get_state())
        found = again
        now = found.rows(torch.arange(len(found)))
        assert sorted(as_tuples(now)) == sorted(kept)
        assert torch.equal(now["rewards"], now["next_obs"][:, 0, 0, :1] * 0.5)
        for one, weight in zip(as_tuples(now), now["weight"].tolist(), strict=True):
            alike = sum(counts[other] for other in kept if other[:2] == one[:2])
            assert weight == pytest.approx(counts[one] / alike)


def test_steps_with_small_counts_matter_only_where_there_are_no_others():
    rows = {name: torch.cat([one, one]) for name, one in transitions(40, 1).items()}
    counts = np.tile([1.0, 1e-6], 40)
    counts[rows["obs"][:, 0, 0, 0] == 3] = 1e-6
    found = replay(1000)
    found.add(rows, counts)
    now, seen = found.rows(torch.arange(len(found))), as_tuples(rows)
    for one, weight in zip(as_tuples(now), now["weight"].tolist(), strict=True):
        alike = [c for other, c in zip(seen, counts, strict=True) if other[:2] == one[:2]]
        own = [c for other, c in zip(seen, counts, strict=True) if other == one]
        assert weight == pytest.approx(sum(own) / sum(alike), rel=1e-5)
        assert weight > 0


def test_a_replay_is_a_graph_of_its_observations_also_after_it_was_restored():
    found, again = replay(20), replay(20)
    found.add(transitions(40, 2))
    again.set_state(found.get_state())
    now = found.rows(torch.arange(len(found)))
    for one in (found, again):
        hashes, graph = one.graph()
        assert np.array_equal(hashes[graph.obs.numpy()], found.observation_hash(now["obs"]))
        assert np.array_equal(
            hashes[graph.next_obs.numpy()], found.observation_hash(now["next_obs"])
        )
        assert torch.equal(graph.action, now["actions"])
        assert torch.equal(graph.terminated, now["terminated"])
        assert torch.equal(graph.weight, now["weight"])


@pytest.mark.parametrize("reported", [True, False])
def test_rollouts_hold_the_observation_after_each_step(reported):
    """Against a second environment that plays the same actions."""
    env, twin = (Corridor(timeout=4, final_obs=reported) for _ in range(2))
    buffer = RolloutBuffer(30, 4, (3, 5, 3), torch.uint8, CPU, keep_next_obs=True)
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
                wanted = infos["final_obs"][row] if reported else before[row]
            else:
                wanted = after[row]
            assert np.array_equal(buffer["next_obs"][t, row].numpy(), wanted)
            assert bool(buffer["terminated"][t, row]) == bool(terminated[row])
        before = after
    assert ends > 10


def by_hand(steps, estimates, gamma, sweeps):
    """Values of steps (obs, action, next_obs, terminated, weight, reward), one after the other."""
    values = np.array(estimates)  # [M, A]
    for _ in range(sweeps):
        targets = [
            (1 - gamma) * paid + gamma * (not terminated) * values[next_obs].max()
            for _, _, next_obs, terminated, _, paid in steps
        ]
        values = np.array(estimates)
        values[[step[0] for step in steps]] = -np.inf  # what was not tried is not counted on
        for source, action in {step[:2] for step in steps}:
            alike = [i for i, step in enumerate(steps) if step[:2] == (source, action)]
            shares = np.array([steps[i][4] for i in alike])
            values[source, action] = shares @ [targets[i] for i in alike] / shares.sum()
    return {step[:2]: values[step[:2]] for step in steps}


@pytest.mark.parametrize("sweeps", [1, 2, 9])
def test_targets_look_ahead_as_a_slow_transcription_does(sweeps):
    """Five observations, three actions; some never tried, some with several outcomes."""
    rng = np.random.default_rng(1)
    steps = [
        (*rng.integers((4, 2, 5)).tolist(), bool(rng.random() < 0.2), rng.random(), rng.random())
        for _ in range(14)
    ]
    estimates = rng.random((5, 3))
    obs, action, next_obs, terminated, weight, rewards = (
        torch.tensor(column) for column in zip(*steps, strict=True)
    )
    found = bellman_targets(
        TransitionGraph(obs, action, next_obs, terminated, weight),
        rewards[:, None],
        torch.from_numpy(estimates.astype(np.float32))[..., None],
        gamma=0.7,
        sweeps=sweeps,
    )
    wanted = by_hand(steps, estimates, 0.7, sweeps)
    assert set(map(tuple, found.tried.nonzero().tolist())) == set(wanted)
    for pair, value in wanted.items():
        assert float(found.values[pair]) == pytest.approx(value, abs=1e-6)


def test_normalised_observations_have_mean_0_and_standard_deviation_1_where_they_vary():
    obs = torch.from_numpy(np.random.default_rng(0).integers(0, 9, (500, 4, 3, 2)).astype(np.uint8))
    obs[:, 0] = 7
    normalizer = ObservationNormalizer((4, 3, 2), CPU)
    normalizer.update(obs)
    found = normalizer(obs)
    assert (found[:, 0] == 0).all()
    assert found.mean(0).abs().max() < 1e-5
    assert (found[:, 1:].std(0) - 1).abs().max() < 0.03


class BoardModel(NamedTuple):
    """What a random walk can find out about a world whose states it sees as boards."""

    probabilities: np.ndarray
    """`[B, A, B]`: that the episode goes on at a board."""
    next_obs: np.ndarray
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
    next_obs = np.zeros((len(mdp.boards), actions, len(mdp.boards)))
    probabilities = next_obs.copy()
    for state in np.flatnonzero(visits):
        for action, after in enumerate(mdp.next_state[state]):
            place = mdp.board[state], action, mdp.board[after]
            next_obs[place] += visits[state] / per_board[mdp.board[state]]
            if not mdp.terminal[after]:
                probabilities[place] += visits[state] / per_board[mdp.board[state]]
    return BoardModel(probabilities, next_obs, per_board)


def exact(model, rewards, gamma):
    """Q `[K, B, A]` by value iteration, of the next board's reward; 0 after a terminal one."""
    paid = np.einsum("bac,kc->kba", model.next_obs, rewards)
    boards, actions, _ = model.probabilities.shape
    probabilities, values = model.probabilities.reshape(-1, boards).T, np.zeros_like(rewards)
    for _ in range(100_000):
        q = paid + gamma * (values @ probabilities).reshape(-1, boards, actions)
        if np.abs(q.max(-1) - values).max() < 1e-6:
            return q
        values = q.max(-1)
    raise AssertionError("no convergence")


class Compared(NamedTuple):
    """Learnt and exact values `[K, B, A]`, and how often each pair was tried `[B, A]`."""

    learnt: np.ndarray
    known: np.ndarray
    tried: np.ndarray


def learnt_and_exact(settings):
    """After an auxiliary phase."""
    config = configs.load("gridworld/aup-ppo", settings)
    env = envs.make(config.env, seed=0)
    algorithm = make_aup(config, env, device=CPU)
    collector = Collector(env, seed=0, generator=torch.Generator().manual_seed(0))
    shape = (config.algo.num_steps, env.num_envs, collector.obs.shape[1:])
    buffer = RolloutBuffer(*shape, torch.uint8, CPU, keep_next_obs=True)
    last, mdp = torch.zeros(env.num_envs), env.mdp
    boards = torch.from_numpy(board_planes(mdp.boards, env.world.planes))
    numbers = {board.numpy().tobytes(): number for number, board in enumerate(boards)}
    tried = np.zeros((len(boards), 5), int)
    while algorithm.in_auxiliary_phase:
        collector.collect(algorithm.exploration_policy, buffer)
        acted_on = [numbers[obs.tobytes()] for obs in buffer.flat("obs").numpy()]
        np.add.at(tried, (acted_on, buffer.flat("actions").numpy()), 1)
        algorithm.finish(buffer, last)
    model = by_board(mdp, config.env.max_steps or env.world.max_steps)
    rewards = algorithm.auxiliary.rewards(boards).double().numpy().T
    learnt = algorithm.auxiliary.values(boards).double().numpy().swapaxes(0, 1)
    return Compared(learnt, exact(model, rewards, config.algo.aux.gamma), tried)


def changes(q):
    """`|Q(s, a) - Q(s, noop)|`."""
    return np.abs(q - q[..., [NOTHING]])


def errors(found):
    """Of changes, as shares of the largest value, `[K, P]` of pairs tried beside the no-op."""
    acting = (found.tried > 0) & (found.tried[:, [NOTHING]] > 0)
    acting[:, NOTHING] = False
    wrong = np.abs(changes(found.learnt) - changes(found.known)) / found.known.max()
    return wrong[:, acting], acting


def test_values_converge_to_exact_ones_in_a_small_world():
    """Where episodes are cut off often, which must not count as an end."""
    learning = ["num=4", "gamma=0.9", "steps=16384", "updates=20", "learning_rate=3e-3"]
    found = learnt_and_exact(
        [
            *("env.world=vase", "env.max_steps=40", "env.num_envs=16", "model.hidden=64"),
            *(f"algo.aux.{one}" for one in learning),
        ]
    )
    wrong = np.abs(found.learnt - found.known)[:, found.tried > 0] / found.known.max()
    assert wrong.max() < 1e-4
    assert errors(found)[0].max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("world", ["options", "damage", "offset"])
def test_learnt_penalties_are_exact_to_two_thousandths_and_rank_alike(world):
    """On all pairs that were tried, the rarest included."""
    found = learnt_and_exact([f"env.world={world}"])
    wrong, acting = errors(found)
    assert wrong.mean() < 0.002
    assert np.quantile(wrong, 0.95) < 0.002
    learnt, known = (
        (changes(q) / np.maximum(q[..., [NOTHING]], 1)).mean(0)[acting]
        for q in (found.learnt, found.known)
    )
    assert np.abs(learnt - known).mean() < 0.002
    # To 4 digits, as in the study: many exact ones are 0, whose order would be that of rounding.
    assert spearmanr(learnt.round(4), known.round(4)).statistic > 0.95


@pytest.mark.parametrize("observations", [9, 70])
def test_the_last_layer_is_corrected_as_far_as_can_be_and_changed_as_little_as_will_do(
    observations,
):
    """Against the pseudo-inverse, action by action; what was not tried says nothing."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(observations, 20, generator=generator)
    errors = torch.randn(observations, 3, 2, generator=generator)
    tried = torch.rand(observations, 3, generator=generator) < 0.7
    tried[:, 2] = False
    layer = torch.nn.Linear(20, 6)
    before = {name: value.detach().clone() for name, value in layer.named_parameters()}
    correct_last_layer(layer, features, errors, tried)
    change = torch.cat([layer.weight - before["weight"], (layer.bias - before["bias"])[:, None]], 1)
    inputs = torch.cat([features, torch.ones(observations, 1)], 1).double()
    for action in range(3):
        rows = tried[:, action]
        wanted = torch.linalg.pinv(inputs[rows]) @ errors[rows, action].double()
        assert torch.allclose(change[2 * action : 2 * action + 2].double(), wanted.T, atol=1e-5)
