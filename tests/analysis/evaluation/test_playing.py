"""Playing counts exactly what it should, in an order that does not depend on speed."""

import contextlib

import numpy as np
import pytest
import torch

from chisel.analysis.evaluation import play, random_policy
from chisel.configs import EnvironmentFault, NumericsError


class Scripted:
    """Environment i plays episodes of the lengths in `lengths[i]`, over and over."""

    def __init__(self, lengths, facts=True):
        self.lengths, self.num_envs, self.facts = lengths, len(lengths), facts
        self.seen = []

    def reset(self, *, seed=None, options=None):
        self.episode = np.zeros(self.num_envs, int)
        self.time = np.zeros(self.num_envs, int)
        return self.observe(), {}

    def observe(self):
        obs = np.zeros((self.num_envs, 2, 2, 1), np.uint8)
        obs[:, 0, 0, 0] = np.arange(self.num_envs)
        obs[:, 1, 0, 0] = self.time
        return obs

    def step(self, actions):
        assert actions.shape == (self.num_envs,)
        self.seen.append(actions.copy())
        self.time += 1
        length = np.array([self.lengths[i][e % len(self.lengths[i])] for i, e in self.where()])
        done = self.time >= length
        infos = {}
        if done.any() and self.facts:
            facts = {"l": self.time.copy(), "r": actions * 1.0, "number": self.episode.copy()}
            facts["pair"] = np.stack([self.time, self.episode], axis=1)
            infos = {"episode": facts, "_episode": done.copy()}
        self.episode += done
        self.time[done] = 0
        never = np.zeros(self.num_envs, bool)
        return self.observe(), np.zeros(self.num_envs), done, never, infos

    def where(self):
        return enumerate(self.episode)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


LENGTHS = [[1], [50], [3, 9], [7, 1, 1]]


def test_every_environment_plays_exactly_its_episodes_however_long():
    facts = play(random_policy(3), Scripted(LENGTHS), episodes_per_env=4, generator=generator())
    assert facts["env"].tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4
    assert facts["l"].tolist() == [1] * 4 + [50] * 4 + [3, 9, 3, 9] + [7, 1, 1, 7]
    assert facts["number"].tolist() == [0, 1, 2, 3] * 4
    np.testing.assert_array_equal(facts["pair"], np.stack([facts["l"], facts["number"]], 1))


def test_the_mean_is_not_biased_towards_short_episodes():
    lengths = [[1, 99]] * 8
    facts = play(random_policy(2), Scripted(lengths), episodes_per_env=2, generator=generator())
    assert facts["l"].mean() == 50


def test_actions_follow_the_logits():
    env = Scripted([[40]] * 50)
    logits = torch.log(torch.tensor([0.7, 0.0, 0.2, 0.1]))
    play(lambda obs: logits.expand(len(obs), 4), env, episodes_per_env=1, generator=generator())
    share = np.bincount(np.concatenate(env.seen), minlength=4) / 2000
    np.testing.assert_allclose(share, [0.7, 0, 0.2, 0.1], atol=0.04)


def test_each_environment_gets_the_action_for_its_own_observation():
    env = Scripted([[2], [5], [5], [1]])

    def by_number(obs):
        assert obs.shape[1:] == (1, 2, 2)
        return torch.nn.functional.one_hot(obs[:, 0, 0, 0].long(), 4) * 1e4

    facts = play(by_number, env, episodes_per_env=1, generator=generator())
    assert facts["r"].tolist() == [0, 1, 2, 3]


def test_the_same_generator_gives_the_same_play_and_no_other_is_used():
    played = []
    state = torch.get_rng_state()
    for seed in (1, 1, 2):
        env = Scripted(LENGTHS)
        play(random_policy(9), env, episodes_per_env=2, generator=generator(seed))
        played.append(np.stack(env.seen))
    assert np.array_equal(played[0], played[1])
    assert not np.array_equal(played[0], played[2])
    assert torch.equal(state, torch.get_rng_state())


def test_progress_counts_up_to_the_total():
    calls = []
    play(
        random_policy(2),
        Scripted(LENGTHS),
        episodes_per_env=2,
        generator=generator(),
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls[-1] == (8, 8)
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})


def test_the_policy_runs_inside_the_context_and_without_gradients():
    inside = []

    @contextlib.contextmanager
    def context():
        inside.append(True)
        yield
        inside.clear()

    def policy(obs):
        assert inside
        assert torch.is_inference_mode_enabled()
        return torch.zeros(len(obs), 2)

    play(policy, Scripted(LENGTHS), episodes_per_env=1, generator=generator(), context=context)
    assert not inside


def test_nan_from_the_policy_is_noticed():
    with pytest.raises(NumericsError, match="NaN"):
        play(
            lambda obs: torch.full((len(obs), 2), torch.nan),
            Scripted(LENGTHS),
            episodes_per_env=1,
            generator=generator(),
        )


def test_an_episode_that_ends_without_facts_is_a_fault_of_the_environment():
    with pytest.raises(EnvironmentFault, match="episode"):
        play(
            random_policy(2),
            Scripted(LENGTHS, facts=False),
            episodes_per_env=1,
            generator=generator(),
        )
