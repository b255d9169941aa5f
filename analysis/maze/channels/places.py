"""Where a square of a maze is in a layer: planes and images show the maze in the middle."""

from __future__ import annotations

from collections.abc import Sequence

from chisel.configs import WORLD_SIZE, ConfigError, MazeConfig
from chisel.envs.maze import Cell, MazeState


def view_side(config: MazeConfig) -> int:
    """Squares along one side of what the agent sees.

    Raises:
        ConfigError: If the view moves with the mouse.
    """
    if config.observation != "pixels":
        return config.levels.max_size or WORLD_SIZE[config.mode]
    if config.mode == "memory":
        raise ConfigError("env.mode=memory: the view moves with the mouse, squares have no place")
    return WORLD_SIZE[config.mode]


def layer_cell(state: MazeState, cell: Cell, side: int, shape: Sequence[int]) -> Cell:
    """Row and column, row 0 on top, of the place in a layer that shows the middle of a square.

    Args:
        state: The maze, for its size.
        cell: A square of the inner maze, row 0 at the bottom.
        side: See `view_side`.
        shape: Height and width of the layer.
    """
    ring = (side - state.maze_dim) // 2
    row, col = side - 1 - (cell[0] + ring), cell[1] + ring
    return int((row + 0.5) * shape[0] / side), int((col + 0.5) * shape[1] / side)
