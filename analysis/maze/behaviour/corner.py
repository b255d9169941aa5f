"""Whether the mouse comes through the top-right corner, in episodes that do not end there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.envs.maze import CornerGoal


class CornerWatch:
    """Stands before a maze environment and adds the fact `corner`: whether the mouse was there.

    Where the corner is no goal, nothing in procgen's facts says that a mouse went there first.

    Args:
        env: A `MazeVectorEnv`.
        max_size: Side of its largest maze.
    """

    def __init__(self, env: Any, max_size: int) -> None:
        self._env = env
        self.num_envs: int = env.num_envs
        self._goal = CornerGoal(self.num_envs, max_size)
        self._been = np.zeros(self.num_envs, np.bool_)

    def reset(self, **options: Any) -> Any:
        """Reset the environment."""
        started = self._env.reset(**options)
        self._follow(np.arange(self.num_envs))
        return started

    def step(self, actions: NDArray[np.int64]) -> Any:
        """Step the environment and follow the mice."""
        self._been |= self._goal.reached(actions)
        result = self._env.step(actions)
        ended = np.flatnonzero(result[2] | result[3])
        if len(ended):
            result[4]["episode"]["corner"] = self._been.copy()
            self._follow(ended)
        return result

    def _follow(self, rows: NDArray[np.intp]) -> None:
        states = self._env.maze_states()
        for row in rows.tolist():
            self._goal.begin(row, states[row])
            self._been[row] = False
