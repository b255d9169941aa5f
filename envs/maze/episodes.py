"""Facts about the running episodes, reported when they end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.maze.boards import Boards
from chisel.envs.maze.goals import NOTHING, region_start
from chisel.envs.maze.paths import goal_paths
from chisel.envs.maze.rules import CHEESE, WALL


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

    def begin(
        self, rows: NDArray[np.intp], boards: Boards, level_indices: NDArray[np.int64]
    ) -> None:
        """Record the first boards of the episodes of some games.

        If there are several cheeses, the nearest one counts.
        """
        columns = self._columns
        columns["level_index"][rows] = level_indices
        columns["level_seed"][rows] = boards.seeds[rows]
        columns["size"][rows] = boards.sizes[rows]
        columns["r"][rows] = 0.0
        columns["l"][rows] = 0
        _describe(
            rows,
            boards.worlds,
            boards.sizes,
            boards.mice,
            self._region,
            self._corner_ends,
            columns["cheese"],
            columns["in_region"],
            columns["cheese_path"],
            columns["corner_path"],
            columns["shortest_path"],
            columns["decision"],
        )

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
        """Return all columns as plain lists."""
        return {name: column.tolist() for name, column in self._columns.items()}

    def set_state(self, state: dict[str, list[Any]]) -> None:
        """Continue from saved columns."""
        for name, column in self._columns.items():
            column[:] = state[name]


@compiled
def _describe(
    rows: NDArray[np.intp],
    worlds: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    mice: NDArray[np.int64],
    region: int,
    corner_ends: bool,
    cheese: NDArray[np.int64],
    in_region: NDArray[np.bool_],
    cheese_path: NDArray[np.int64],
    corner_path: NDArray[np.int64],
    shortest_path: NDArray[np.int64],
    decision: NDArray[np.bool_],
) -> None:
    """Fill the columns that follow from the mazes, in these rows."""
    for row in rows:
        size = sizes[row]
        margin = (worlds.shape[1] - size) // 2
        grid = worlds[row, margin : margin + size, margin : margin + size]
        open_cells, with_cheese = grid != WALL, grid == CHEESE
        y, x, to_cheese, to_corner, decides = goal_paths(
            open_cells, with_cheese, mice[row, 0], mice[row, 1], size - 1, size - 1
        )
        if y < 0 and with_cheese.any():  # out of reach: the first one from the bottom left
            first = np.argmax(with_cheese)
            y, x = first // size, first % size
        cheese[row, 0], cheese[row, 1] = y, x
        in_region[row] = min(y, x) >= region_start(size, region)
        cheese_path[row], corner_path[row] = to_cheese, to_corner
        decision[row] = decides != 0
        nearest = to_cheese
        if corner_ends and to_corner >= 0 and (nearest < 0 or to_corner < nearest):
            nearest = to_corner
        shortest_path[row] = nearest
