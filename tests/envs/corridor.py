"""A small environment without faults, to test the checker with."""

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode


class Corridor:
    """A corridor of random length to walk through to the right; a time-out truncates."""

    limit = 12

    def __init__(self, seed: int, num_envs: int = 3) -> None:
        self.num_envs = num_envs
        self.single_observation_space: spaces.Space[Any] = spaces.Box(0, 9, (1, 2, 1), np.uint8)
        self.single_action_space: spaces.Space[Any] = spaces.Discrete(2)
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self._seed(seed)

    def _seed(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)
        zeros = np.zeros(self.num_envs, np.int64)
        self.place, self.goal, self.time = zeros.copy(), zeros.copy(), zeros.copy()

    def _start(self, rows: Any) -> None:
        self.place[rows], self.time[rows] = 0, 0
        self.goal[rows] = self.generator.integers(2, 8, np.shape(self.goal[rows]))

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        if seed is not None:
            self._seed(seed)
        self._start(slice(None))
        return self.observe(), {}

    def observe(self) -> Any:
        seen = np.stack([self.place, self.goal], axis=-1)
        return seen.astype(np.uint8).reshape(self.num_envs, 1, 2, 1)

    def refuse(self, actions: Any) -> None:
        if actions.shape != (self.num_envs,) or actions.dtype.kind != "i":
            raise ValueError("shape or type")
        if actions.min() < 0 or actions.max() > 1:
            raise ValueError("range")

    def step(self, actions: Any) -> Any:
        self.refuse(actions)
        self.place = np.clip(self.place + np.where(actions == 1, 1, -1), 0, 9)
        self.time = self.time + 1
        terminated = self.place == self.goal
        truncated = (self.time >= self.limit) & ~terminated
        ended = terminated | truncated
        rewards = terminated.astype(np.float64)
        infos: dict[str, Any] = {}
        if ended.any():
            facts = {"r": rewards.copy(), "l": self.time.copy(), "success": terminated.copy()}
            infos = {"episode": facts, "_episode": ended.copy()}
            infos |= {"final_obs": self.observe(), "_final_obs": ended.copy()}
            self._start(ended)
        return self.observe(), rewards, terminated, truncated, infos

    def get_state(self) -> dict[str, Any]:
        return {
            "generator": self.generator.bit_generator.state,
            "place": self.place.tolist(),
            "goal": self.goal.tolist(),
            "time": self.time.tolist(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        self.generator.bit_generator.state = state["generator"]
        for name in ("place", "goal", "time"):
            setattr(self, name, np.array(state[name]))

    def close(self) -> None:
        pass
