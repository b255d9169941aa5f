"""What is known about the running episodes, and the facts reported when they end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.maze import paths
from envs.maze.state import MazeState


class EpisodeBook:
    """Counters and facts of `num` episodes running side by side."""

    def __init__(self, num: int) -> None:
        self._columns: dict[str, NDArray[Any]] = {
            "r": np.zeros(num, np.float64),
            "l": np.zeros(num, np.int64),
            "level_seed": np.zeros(num, np.int64),
            "size": np.zeros(num, np.int64),
            "cheese": np.full((num, 2), -1, np.int64),
            "shortest_path": np.full(num, -1, np.int64),
            "level_index": np.full(num, -1, np.int64),
        }
        self._returns = self._columns["r"]
        self._lengths = self._columns["l"]

    def begin(self, row: int, state: MazeState, level_index: int) -> None:
        """Note the first moment of an episode. With several cheeses the nearest one counts."""
        cheese = state.cheese
        found = paths.nearest(state.open, state.mouse, cheese)
        column = self._columns
        self._returns[row] = 0.0
        self._lengths[row] = 0
        column["level_seed"][row] = state.level_seed
        column["size"][row] = state.maze_dim
        column["level_index"][row] = level_index
        if found:
            column["cheese"][row], column["shortest_path"][row] = found
        else:
            column["cheese"][row] = cheese[0] if cheese else -1
            column["shortest_path"][row] = -1

    def count(self, rewards: NDArray[np.float64]) -> None:
        """Add one step to every episode."""
        self._returns += rewards
        self._lengths += 1

    def facts(self, ended: NDArray[np.bool_], success: NDArray[np.bool_]) -> dict[str, Any]:
        """Infos of a step in which episodes ended; rows are valid where `ended`."""
        episode = {name: column.copy() for name, column in self._columns.items()}
        episode["success"] = success
        return {"episode": episode, "_episode": ended.copy()}

    def get_state(self) -> dict[str, list[Any]]:
        """All columns as plain lists."""
        return {name: column.tolist() for name, column in self._columns.items()}

    def set_state(self, state: dict[str, list[Any]]) -> None:
        """Continue from saved columns."""
        for name, column in self._columns.items():
            column[:] = state[name]
