"""Exploration takes the shortest way to untried actions; other environments act at random."""

from collections import deque

import numpy as np
import pytest
import torch

from chisel.trainers.aup.bellman import TransitionGraph
from chisel.trainers.aup.exploration import EXPLORING_COUNT, ExplorationPolicy, exploration_values
from chisel.trainers.aup.observation_hash import ObservationHash
from chisel.trainers.aup.replay import Replay

CPU = torch.device("cpu")
GAMMA = 0.9


def graph(*steps):
    """Of (obs, action, next_obs, terminated, weight)."""
    obs, action, next_obs, terminated, weight = (
        torch.tensor(column) for column in zip(*steps, strict=True)
    )
    return TransitionGraph(obs, action, next_obs, terminated, weight.float())


def steps_until_unknown(after, tried, source, action):
    """Breadth-first; None where there is no way."""
    if not tried[source, action]:
        return 0
    queue, seen = deque([(after[source, action], 1)]), set()
    while queue:
        here, steps = queue.popleft()
        if not tried[here].all():
            return steps
        if here not in seen:
            seen.add(here)
            queue.extend((there, steps + 1) for there in after[here])
    return None


@pytest.mark.parametrize("seed", range(5))
def test_exploration_values_are_the_distances_that_a_search_finds(seed):
    rng = np.random.default_rng(seed)
    after, tried = rng.integers(0, 12, (12, 2)), rng.random((12, 2)) < 0.9
    known = graph(*((s, a, after[s, a], False, 1.0) for s, a in np.argwhere(tried)))
    found = exploration_values(known, 12, 2, gamma=GAMMA, sweeps=50)
    for source in range(12):
        for action in range(2):
            steps = steps_until_unknown(after, tried, source, action)
            wanted = 0.0 if steps is None else GAMMA**steps
            assert float(found[source, action]) == pytest.approx(wanted, abs=1e-5)


def test_values_average_over_random_outcomes_and_are_0_after_an_end():
    """From 0, action 0 leads on to 1 once in four times; action 1 ends the episode at 1."""
    known = graph((0, 0, 1, False, 1.0), (0, 0, 0, False, 3.0), (0, 1, 1, True, 1.0))
    found = exploration_values(known, 2, 2, gamma=GAMMA, sweeps=500)
    # x = γ (1/4 + 3/4 x)
    assert found[0].tolist() == pytest.approx([GAMMA / 4 / (1 - GAMMA * 3 / 4), 0.0])
    assert found[1].tolist() == [1.0, 1.0]


LENGTH = 15
KEY = np.random.default_rng(7).integers(0, 2, LENGTH)
"""A lock with a combination: a wrong number leads back to the start."""


def picture(places):
    obs = torch.zeros(len(places), 2, 2, 1, dtype=torch.uint8)
    obs[:, 0, 0, 0] = torch.as_tensor(places)
    return obs


def turns_of_the_lock(exploring, rollouts, num_envs=4, steps=32):
    """How often each number was tried in each place, `[LENGTH, 2]`, and the exploration policy."""
    replay = Replay(1000, ObservationHash(4, np.random.default_rng(0)), CPU)
    exploration_policy = ExplorationPolicy(
        replay, num_envs=num_envs, exploring=exploring, num_actions=2
    )
    generator = torch.Generator().manual_seed(0)
    places, tried = np.zeros(num_envs, int), np.zeros((LENGTH, 2), int)
    for _ in range(rollouts):
        rows = []
        for _ in range(steps):
            logits, _ = exploration_policy(picture(places))
            actions = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0].numpy()
            np.add.at(tried, (places, actions), 1)
            after = np.where(actions == KEY[places], (places + 1) % LENGTH, 0)
            rows.append((picture(places), torch.from_numpy(actions), picture(after)))
            places = after
        obs, actions, next_obs = (torch.cat(column) for column in zip(*rows, strict=True))
        ended = torch.zeros(len(obs), dtype=torch.bool)
        named = {"obs": obs, "actions": actions, "next_obs": next_obs, "terminated": ended}
        replay.add(named, exploration_policy.counts(steps))
        exploration_policy.plan()
    return tried, exploration_policy


def test_exploring_environments_open_a_lock_that_random_actions_do_not():
    """2,560 steps; random actions need about 2^15."""
    assert (turns_of_the_lock(exploring=1, rollouts=20)[0] > 0).all()
    assert (turns_of_the_lock(exploring=0, rollouts=20)[0] == 0).any()


def test_exploring_environments_act_at_random_where_nothing_is_known():
    _, exploration_policy = turns_of_the_lock(exploring=2, rollouts=3)
    known = picture([0, 0, 0, 0])
    logits, values = exploration_policy(known)
    assert (logits[:2] == 0).all()
    assert (logits[2:] != 0).any(1).all()
    assert (values == 0).all()
    assert (exploration_policy(picture([200] * 4))[0] == 0).all()
    assert exploration_policy.counts(2).tolist() == [1, 1, EXPLORING_COUNT, EXPLORING_COUNT] * 2
