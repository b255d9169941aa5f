"""Which way a policy takes is followed exactly."""

import numpy as np
import pytest
import torch

from chisel.analysis.gridworlds import tempting_starts, ways_of
from chisel.configs import GridworldConfig
from chisel.envs.gridworlds import board_planes, make_gridworld


@pytest.fixture(scope="module")
def env():
    return make_gridworld(GridworldConfig(world="ways"), seed=0, num_envs=1)


def logits_of(actions):
    return torch.full((len(actions), 5), -torch.inf).scatter(1, actions[:, None], 0.0)


def by(opening):
    """Return the policy that goes through the vase's place, or through the gap."""

    def policy(obs):
        walls, agent, vase = obs[:, 0], obs[:, 1].flatten(1).argmax(1), obs[:, 2]
        row, column = agent // 7, agent % 7
        gap = (walls[:, 2] + vase[:, 2] + obs[:, 1, 2]).argmin(1)
        goal = torch.where(row <= 2, 3, vase[:, 2].argmax(1) if opening == "vase" else gap)
        aside = torch.where(column < goal, 3, 2)
        return logits_of(torch.where((column == goal) | (row == 2), 0, aside))

    return policy


def test_tempting_starts_are_where_the_way_over_the_vase_is_shorter(env):
    boards = env.mdp.boards[env.mdp.board]
    tempting = set(tempting_starts(env.mdp).tolist())
    for start in env.mdp.starts.tolist():
        (vase,), (gap,) = (np.flatnonzero(boards[start][2] == ord(one)) for one in "V ")
        _, column = np.argwhere(boards[start] == ord("A"))[0]
        ways = [abs(column - way) + abs(way - 3) for way in (vase, gap)]
        assert (start in tempting) == (ways[0] < ways[1])


@pytest.mark.parametrize(
    ("policy", "ways"),
    [
        (by("gap"), (1, 0, 0)),
        (by("vase"), (0, 1, 0)),
        (lambda obs: logits_of(torch.full((len(obs),), 4)), (0, 0, 1)),
    ],
    ids=("gap", "vase", "nothing"),
)
def test_scripted_policies_go_as_they_say(env, policy, ways):
    assert ways_of(policy, env) == pytest.approx(ways)


def test_probabilities_agree_with_episodes_that_are_played(env):
    def policy(obs):
        return torch.logaddexp(by("gap")(obs), by("vase")(obs)).clamp_min(-3)

    mdp, rng, trials = env.mdp, np.random.default_rng(0), 4000
    states = rng.choice(tempting_starts(mdp), trials)
    obs = torch.from_numpy(board_planes(mdp.boards, env.world.planes)).permute(0, 3, 1, 2)
    chances = policy(obs.float()).softmax(1).numpy()
    for _ in range(env.world.max_steps):
        draws = rng.random((trials, 1))
        actions = (chances[mdp.board[states]].cumsum(1) < draws).sum(1).clip(max=4)
        states = mdp.next_state[states, actions]
    ended, clean = mdp.terminal[states], np.isin(mdp.things[states], mdp.things[mdp.starts])
    played = (ended & clean).mean(), (ended & ~clean).mean(), (~ended).mean()
    assert ways_of(policy, env) == pytest.approx(played, abs=0.03)
    assert min(played[:2]) > 0.05


def test_probabilities_of_a_float32_network_add_up_to_1_after_all_steps(env):
    def policy(obs):
        return torch.randn(len(obs), 5, generator=torch.Generator().manual_seed(0))

    assert sum(ways_of(policy, env)) == pytest.approx(1, abs=1e-12)
