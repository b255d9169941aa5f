"""Ordinary Gymnasium environments, side by side."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.wrappers import TimeLimit

from chisel import envs
from chisel.configs.errors import EnvironmentFault


class Walk(gymnasium.Env):
    """A walk to a goal at a random distance; steps on odd places are counted as facts."""

    observation_space = spaces.Box(0, 20, (1, 1, 2), np.uint8)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.goal, self.odd = 0, int(self.np_random.integers(2, 9)), 0
        return self.shown(), {}

    def shown(self):
        return np.array([[[self.place, self.goal]]], np.uint8)

    def step(self, action):
        self.place = max(0, self.place + (1 if action else -1))
        self.odd += self.place % 2
        there = self.place == self.goal
        return self.shown(), float(there) - 0.1, there, False, {"success": there, "odd": self.odd}

    def get_state(self):
        return {"place": self.place, "goal": self.goal, "odd": self.odd}

    def set_state(self, state):
        self.place, self.goal, self.odd = state["place"], state["goal"], state["odd"]


def walks(seed=0, num_envs=4):
    return envs.SingleEnvs(Walk, num_envs, seed, max_steps=12)


def test_an_ordinary_environment_keeps_the_contract():
    envs.check_vector_env(walks)


def test_episodes_are_those_that_each_copy_would_play_alone():
    together = walks()
    together.reset(seed=[5, 6, 7, 8])
    alone = [Walk() for _ in range(4)]
    for env, seed in zip(alone, (5, 6, 7, 8), strict=True):
        env.reset(seed=seed)
    returns, lengths, endings = np.zeros(4), np.zeros(4, int), set()
    plan = np.random.default_rng(0).integers(0, 2, (200, 4))
    plan[:, 1:] = 1  # copies that walk straight on reach their goals
    for actions in plan:
        observations, rewards, terminated, truncated, infos = together.step(actions)
        for row, env in enumerate(alone):
            shown, reward, there, _, info = env.step(actions[row])
            returns[row] += reward
            lengths[row] += 1
            late = lengths[row] == 12 and not there
            assert (rewards[row], terminated[row], truncated[row]) == (reward, there, late)
            if there or late:
                endings.add(("success", "late")[int(late)])
                facts = {name: values[row] for name, values in infos["episode"].items()}
                assert facts == {"r": returns[row], "l": lengths[row]} | info
                assert infos["_episode"][row]
                assert infos["_final_obs"][row]
                assert (infos["final_obs"][row] == shown).all()
                shown, _ = env.reset()
                returns[row] = lengths[row] = 0
            assert (observations[row] == shown).all()
    assert endings == {"success", "late"}


def test_copies_of_neighbouring_seeds_differ():
    first, second = (walks(seed, 64).reset()[0] for seed in (0, 1))
    assert (first[1:] != second[:-1]).any()
    assert len(np.unique(first)) > 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TimeLimit(Walk(), 5), "give the environment inside"),
        (type("Bare", (gymnasium.Env,), {}), "has no `get_state`: add it"),
        (
            type("Wide", (Walk,), {"action_space": spaces.Box(0, 1, (2,))}),
            "actions must be Discrete from 0",
        ),
    ],
)
def test_what_cannot_be_copied_is_refused(make, message):
    with pytest.raises(EnvironmentFault, match=message):
        envs.SingleEnvs(make, 2, 0)


@pytest.mark.parametrize(
    ("told", "message"),
    [({}, "no 'success'"), ({"success": True, "extra": 1}, "return the same facts in every step")],
)
def test_facts_that_are_missing_or_differ_are_refused(told, message):
    class Forgets(Walk):
        copies = 0

        def reset(self, **kwargs):
            self.first = Forgets.copies == 0
            Forgets.copies += 1
            return super().reset(**kwargs)

        def step(self, action):
            shown, *_ = super().step(action)
            return shown, 0.0, True, False, told if self.first or not told else {"success": True}

    forgetful = envs.SingleEnvs(Forgets, 2, 0)
    forgetful.reset()
    with pytest.raises(EnvironmentFault, match=message):
        forgetful.step(np.ones(2, int))


def test_seeds_for_another_number_of_copies_are_refused():
    with pytest.raises(EnvironmentFault, match="give 4 seeds, not 2"):
        walks().reset(seed=[1, 2])
