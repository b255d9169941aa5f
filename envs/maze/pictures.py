"""Observations and drawings of states that no environment is playing."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.configs.errors import ConfigError
from chisel.configs.schema import MazeConfig
from chisel.envs.maze.boards import Boards
from chisel.envs.maze.native.flat import draw_boards
from chisel.envs.maze.options import look_of, max_size
from chisel.envs.maze.procgen_game import ProcgenMaze
from chisel.envs.maze.rules import Look
from chisel.envs.maze.sprites import draw_world
from chisel.envs.maze.state import MazeState
from chisel.envs.maze.views import PIXELS, symbolic_batch

PICTURE = 512
"""Side of a picture in pixels."""
STATES_PER_THREAD = 32
"""Fewer are not worth a thread: procgen draws a state in a fifth of a millisecond."""
MAX_THREADS = 4
"""Each thread has a game of its own."""


class _Renderer:
    """A game of procgen's that draws states, for one thread at a time."""

    def __init__(self, look: Look) -> None:
        # Without threads of its own the game also survives a fork.
        self._game = ProcgenMaze(1, look, seed=0, threads=0)
        self._lock = threading.Lock()

    def pixels(self, states: Sequence[MazeState]) -> NDArray[np.uint8]:
        """Return what an agent sees of the states, uint8 `[N, 64, 64, 3]`."""
        images = np.empty((len(states), PIXELS, PIXELS, 3), np.uint8)
        with self._lock:
            for image, state in zip(images, states, strict=True):
                self._game.write(0, state.buffer)
                image[:] = self._game.pixels[0]
        return images


@functools.lru_cache(maxsize=16)
def _renderer(look: Look, number: int) -> _Renderer:
    # A game keeps the images that it has loaded, so each look gets a game of its own.
    return _Renderer(look)


def _textured(states: Sequence[MazeState], look: Look) -> NDArray[np.uint8]:
    """Return what an agent sees, drawn in several threads: procgen releases Python's lock."""
    count = max(1, min(MAX_THREADS, os.cpu_count() or 1, len(states) // STATES_PER_THREAD))
    renderers = [_renderer(look, number) for number in range(count)]
    if count == 1:
        return renderers[0].pixels(states)
    size = -(-len(states) // count)
    parts = [states[first : first + size] for first in range(0, len(states), size)]
    with ThreadPoolExecutor(count) as pool:
        return np.concatenate(list(pool.map(_Renderer.pixels, renderers, parts)))


def observe_states(states: Sequence[MazeState], config: MazeConfig) -> NDArray[Any]:
    """Return what an agent with this config sees in each state.

    Args:
        states: Mazes of the config's mode. Their own visual options have no effect.
        config: View and visual options.

    Returns:
        Observations `[N, H, W, C]` in the dtype of the config's view.

    Raises:
        ConfigError: If a state is of another mode or does not fit the view.
    """
    if config.observation != "pixels":
        planes = symbolic_batch(states, max_size(config))
        return planes.astype(np.float32) if config.observation == "float" else planes
    look = look_of(config)
    alike = [state if state.look == look else _with_look(state, look) for state in states]
    if look.flat and config.engine != "procgen" and states:
        return draw_boards(Boards.of(alike), centred=look.centred)
    return _textured(alike, look)


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


def _with_look(state: MazeState, look: Look) -> MazeState:
    copy = state.copy()
    copy.look = look
    return copy
