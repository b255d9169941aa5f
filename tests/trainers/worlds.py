"""A tiny world for tests: walk right along a corridor; tests control how episodes end."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode


class Corridor:
    """`num_envs` corridors of `length` cells; action 1 goes right, action 0 stays.

    Reaching the last cell gives reward 1 and ends the episode; after `timeout` steps it is cut off.
    With `final_obs` the last observation of a cut-off episode is offered and it is truncated,
    otherwise it is terminated. Each episode shows a shade of its own, drawn from the seed, so that
    two episodes rarely look alike; a dark one and a light one end at different goals.
    """

    metadata: ClassVar = {"autoreset_mode": AutoresetMode.SAME_STEP}
    noop = 0

    def __init__(self, num_envs=4, length=5, timeout=8, final_obs=False, floating=False):
        self.num_envs, self.length, self.timeout, self.final_obs = (
            num_envs,
            length,
            timeout,
            final_obs,
        )
        self.dtype = np.float32 if floating else np.uint8
        high = np.inf if floating else 255
        low = -np.inf if floating else 0
        self.single_observation_space = spaces.Box(low, high, (3, length, 3), self.dtype)
        self.single_action_space = spaces.Discrete(2)
        self.reset(seed=0)

    def reset(self, *, seed=None, options=None):
        self.rng = np.random.default_rng(seed)
        self.where = np.zeros(self.num_envs, int)
        self.clock = np.zeros(self.num_envs, int)
        self.shade = self.rng.integers(0, 200, self.num_envs)
        return self.observe(), {}

    def observe(self):
        obs = np.zeros((self.num_envs, 3, self.length, 3), self.dtype)
        rows = np.arange(self.num_envs)
        obs[rows, 1, self.where, 0] = 255
        obs[:, :, :, 1] = self.shade[:, None, None]
        return obs

    def step(self, actions):
        self.where = np.minimum(self.where + np.asarray(actions), self.length - 1)
        self.clock += 1
        solved = self.where == self.length - 1
        late = (self.clock >= self.timeout) & ~solved
        rewards, done = solved.astype(float), solved | late
        infos = {}
        if done.any():
            infos["episode"] = {
                "r": rewards.copy(),
                "l": self.clock.copy(),
                "success": solved.copy(),
                "outcome": np.where(solved, 1 + (self.shade > 100), 0),
            }
            infos["_episode"] = done
            if self.final_obs:
                infos["final_obs"], infos["_final_obs"] = self.observe(), done
            self.where[done] = self.clock[done] = 0
            self.shade[done] = self.rng.integers(0, 200, int(done.sum()))
        truncated = late if self.final_obs else np.zeros_like(late)
        return self.observe(), rewards, done & ~truncated, truncated, infos

    def get_state(self):
        return {
            "rng": self.rng.bit_generator.state,
            "arrays": [a.tolist() for a in (self.where, self.clock, self.shade)],
        }

    def set_state(self, state):
        self.rng = np.random.default_rng()
        self.rng.bit_generator.state = state["rng"]
        self.where, self.clock, self.shade = (np.array(a) for a in state["arrays"])

    def close(self):
        pass
