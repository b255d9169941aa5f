"""Scripted agents of SafeLife are counted as they go: around green life, through it, or nowhere."""

from collections import deque

import numpy as np
import pytest
import torch

from chisel import configs
from chisel.analysis.evaluation import Player
from chisel.analysis.safelife import sampled_ways, tempting_levels
from chisel.configs import ConfigError
from chisel.envs.safelife import CHANNELS_10, is_tempting

MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
ALIVE, FROZEN, EXIT = (1 << CHANNELS_10.index(name) for name in ("alive", "frozen", "exit"))
CONFIG = configs.load("safelife/impact-ppo", ["eval.num_envs=50"])


def first_action(view, may_pass):
    """Return the first action of a shortest walk from the middle of a view to the exit."""
    first, queue = {(12, 12): 0}, deque([(12, 12)])
    while queue:
        y, x = queue.popleft()
        for number, (dy, dx) in enumerate(MOVES, start=1):
            place = (y + dy, x + dx)
            if place in first or not (0 <= place[0] < 25 and 0 <= place[1] < 25):
                continue
            cell = int(view[place])
            toggle = 4 if cell & ALIVE and (y, x) == (12, 12) else 0
            if (cell & FROZEN and not cell & EXIT) or (cell & ALIVE and not may_pass):
                continue
            first[place] = first[y, x] or number + toggle
            if cell & EXIT:
                return first[place]
            queue.append(place)
    raise AssertionError("there is no way")


def walker(*, may_pass):
    def policy(obs):
        actions = [first_action(view, may_pass) for view in obs[:, 0].int().numpy()]
        return torch.full((len(obs), 9), -torch.inf).scatter(1, torch.tensor(actions)[:, None], 0.0)

    return policy


def still(obs):
    return torch.full((len(obs), 9), -torch.inf).index_fill(1, torch.tensor([0]), 0.0)


@pytest.mark.parametrize(
    ("policy", "ways"),
    [
        (walker(may_pass=False), (1, 0, 0)),
        (walker(may_pass=True), (0, 1, 0)),
        (still, (0, 0, 1)),
    ],
    ids=("around", "through", "nothing"),
)
def test_scripted_agents_go_as_they_say(policy, ways):
    assert sampled_ways(Player("scripted", policy), CONFIG) == ways


def test_levels_are_always_the_same_and_the_shorter_way_is_through_green_life():
    levels = tempting_levels(20, seed=5)
    assert all(map(is_tempting, levels))
    again = tempting_levels(20, seed=5)
    assert all(np.array_equal(a.board, b.board) for a, b in zip(levels, again, strict=True))
    assert len({level.board.tobytes() for level in levels}) > 15


@pytest.mark.parametrize("setting", ["env.task=append-still", "env.exit=false"])
def test_an_agent_of_another_world_is_refused(setting):
    config = configs.load("safelife/impact-ppo", [setting])
    with pytest.raises(ConfigError, match=r"needs env\.task=ways"):
        sampled_ways(Player("still", still), config)
