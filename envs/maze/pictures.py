"""Observations and drawings of states that no environment is playing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.configs.errors import ConfigError
from chisel.configs.schema import MazeConfig
from chisel.envs.maze.boards import Boards
from chisel.envs.maze.native.flat import PIXELS
from chisel.envs.maze.native.textured import painter
from chisel.envs.maze.options import look_of, max_size
from chisel.envs.maze.sprites import draw_world
from chisel.envs.maze.state import MazeState
from chisel.envs.maze.views import symbolic_batch

PICTURE = 512
"""Side of a picture in pixels."""


def observe_states(states: Sequence[MazeState], config: MazeConfig) -> NDArray[Any]:
    """Return what an agent with this config sees in each state.

    Args:
        states: Mazes of the config's mode. Their own visual options have no effect.
        config: View and visual options.

    Returns:
        Observations `[N, H, W, C]` in the dtype of the config's view.

    Raises:
        ConfigError: If a state is of another mode or does not fit the view, or procgen's image
            files are needed and missing.
    """
    if config.observation != "pixels":
        planes = symbolic_batch(states, max_size(config))
        return planes.astype(np.float32) if config.observation == "float" else planes
    look = look_of(config)
    other = next((state.look.mode for state in states if state.look.mode != look.mode), None)
    if other:
        raise ConfigError(f"a maze of mode {other!r} cannot be seen with env.mode={look.mode}")
    images = np.empty((len(states), PIXELS, PIXELS, 3), np.uint8)
    if states:
        facing = np.array([state.is_reflected for state in states], np.int64)
        backgrounds = np.array([state.background[0] for state in states])
        drawn, boards = np.arange(len(states)), Boards.of(states)
        mice, artist = boards.mice_in_world, painter(look, config.assets)
        artist.draw(drawn, boards.worlds, mice, backgrounds, images)
        artist.draw_mice(mice, facing, images)
    return images


def render(state: MazeState, size: int = PICTURE) -> NDArray[np.uint8]:
    """Draw a state for people to look at, not as agents see it.

    Args:
        state: Any maze; its visual options have no effect.
        size: Side in pixels, at least one for each cell of the world.

    Returns:
        uint8 `[size, size, 3]`, row 0 at the top.

    Raises:
        ConfigError: If `size` is too small.
    """
    if size < state.world_dim:
        raise ConfigError(f"size = {size}: a world of {state.world_dim} cells needs as many pixels")
    row, col = state.mouse
    mouse = row + state.margin, col + state.margin
    return draw_world(state.world, mouse, state.is_reflected, size)
