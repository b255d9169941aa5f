"""Facts about the running episodes, reported when they end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.envs.maze import paths
from chisel.envs.maze.goals import NOTHING, corner_of, region_start
from chisel.envs.maze.state import MazeState


class EpisodeFacts:
    """Counters and facts of `num` episodes running side by side.

    Args:
        num: Number of episodes.
        region: Side of the top-right region of the fact `in_region`.
        corner_ends: Whether the corner is a goal too, so that `shortest_path` may lead there.
    """

    def __init__(self, num: int, *, region: int, corner_ends: bool) -> None:
        self._region = region
        self._corner_ends = corner_ends
        self._columns: dict[str, NDArray[Any]] = {
            "r": np.zeros(num, np.float64),
            "l": np.zeros(num, np.int64),
            "level_seed": np.zeros(num, np.int64),
            "size": np.zeros(num, np.int64),
            "cheese": np.full((num, 2), -1, np.int64),
            "in_region": np.zeros(num, np.bool_),
            "cheese_path": np.full(num, -1, np.int64),
            "corner_path": np.full(num, -1, np.int64),
            "shortest_path": np.full(num, -1, np.int64),
            "decision": np.zeros(num, np.bool_),
            "level_index": np.full(num, -1, np.int64),
        }

    def begin(self, row: int, state: MazeState, level_index: int) -> None:
        """Record the first state of an episode. Of several cheeses the nearest one counts."""
        size, cells = state.maze_dim, state.cheese
        found = paths.to_goals(state.open, state.mouse, cells, corner_of(size))
        cheese = found.cheese or (cells[0] if cells else (-1, -1))
        lengths = [found.cheese_path, found.corner_path if self._corner_ends else -1]
        facts = {
            "r": 0.0,
            "l": 0,
            "level_seed": state.level_seed,
            "size": size,
            "cheese": cheese,
            "in_region": min(cheese) >= region_start(size, self._region),
            "cheese_path": found.cheese_path,
            "corner_path": found.corner_path,
            "shortest_path": min((one for one in lengths if one >= 0), default=-1),
            "decision": found.decision,
            "level_index": level_index,
        }
        for name, fact in facts.items():
            self._columns[name][row] = fact

    def add_step(self, rewards: NDArray[np.float64]) -> None:
        """Add one step to every episode."""
        self._columns["r"] += rewards
        self._columns["l"] += 1

    def infos(self, ended: NDArray[np.bool_], outcome: NDArray[np.int64]) -> dict[str, Any]:
        """Return the infos of a step in which episodes ended; rows are valid where `ended`."""
        episode = {name: column.copy() for name, column in self._columns.items()}
        episode["outcome"] = outcome
        episode["success"] = outcome != NOTHING
        return {"episode": episode, "_episode": ended.copy()}

    def get_state(self) -> dict[str, list[Any]]:
        """All columns as plain lists."""
        return {name: column.tolist() for name, column in self._columns.items()}

    def set_state(self, state: dict[str, list[Any]]) -> None:
        """Continue from saved columns."""
        for name, column in self._columns.items():
            column[:] = state[name]
