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
from chisel.envs.maze.options import look_of, max_size
from chisel.envs.maze.procgen_game import Look, ProcgenMaze
from chisel.envs.maze.state import MazeState
from chisel.envs.maze.views import PIXELS, symbolic_batch

PICTURE = 512
"""Side of procgen's own picture in pixels."""
SHARE = 32
"""States that are worth a thread: procgen draws them one by one, a fifth of a millisecond each."""
PAINTERS = 4
"""Threads at most, each with a game of its own."""


class _Easel:
    """One game that is put into states only to be looked at, by one thread at a time."""

    def __init__(self, look: Look, picture: bool) -> None:
        # Without threads of its own the game also survives a fork.
        self._game = ProcgenMaze(1, look, seed=0, threads=0, picture=picture)
        self._lock = threading.Lock()

    def pixels(self, states: Sequence[MazeState]) -> NDArray[np.uint8]:
        """What an agent sees, uint8 `[N, 64, 64, 3]`."""
        seen = np.empty((len(states), PIXELS, PIXELS, 3), np.uint8)
        with self._lock:
            for image, state in zip(seen, states, strict=True):
                self._game.write(0, state.buffer)
                image[:] = self._game.pixels[0]
        return seen

    def picture(self, state: MazeState) -> NDArray[np.uint8]:
        """The large picture, uint8 `[512, 512, 3]`."""
        with self._lock:
            self._game.write(0, state.buffer)
            return self._game.picture()


@functools.lru_cache(maxsize=16)
def _easel(look: Look, picture: bool, number: int = 0) -> _Easel:
    # procgen keeps the images it has loaded per game, so each look gets a game of its own.
    return _Easel(look, picture)


def _pixels(states: Sequence[MazeState], look: Look) -> NDArray[np.uint8]:
    """What an agent sees, drawn by several games at once; procgen lets go of the interpreter."""
    count = max(1, min(PAINTERS, os.cpu_count() or 1, len(states) // SHARE))
    easels = [_easel(look, False, number) for number in range(count)]
    if count == 1:
        return easels[0].pixels(states)
    size = -(-len(states) // count)
    parts = [states[first : first + size] for first in range(0, len(states), size)]
    with ThreadPoolExecutor(count) as pool:
        return np.concatenate(list(pool.map(_Easel.pixels, easels, parts)))


def observe_states(states: Sequence[MazeState], config: MazeConfig) -> NDArray[Any]:
    """What an agent with this config sees in each state.

    Args:
        states: Any mazes of the config's mode; their own visual options do not matter.
        config: Decides view and visual options.

    Returns:
        Observations `[N, H, W, C]` in the dtype of the config's view.

    Raises:
        ConfigError: If a state is of another mode or does not fit the view.
    """
    if config.observation != "pixels":
        planes = symbolic_batch(states, max_size(config))
        return planes.astype(np.float32) if config.observation == "float" else planes
    look = look_of(config)
    dressed = [state if state.look == look else _dressed(state, look) for state in states]
    return _pixels(dressed, look)


def render(state: MazeState, size: int = PICTURE) -> NDArray[np.uint8]:
    """Draw a state as procgen does.

    Args:
        state: Any maze; drawn with its own visual options.
        size: Side in pixels; smaller ones are averaged from the picture of 512.

    Returns:
        uint8 `[size, size, 3]`, row 0 at the top.

    Raises:
        ConfigError: If `size` does not divide 512.
    """
    if size < 1 or PICTURE % size:
        raise ConfigError(f"size = {size}: a picture has 512, 256, 128, 64 or 32 pixels a side")
    picture = _easel(state.look, True).picture(state)
    block = PICTURE // size
    blocks = picture.reshape(size, block, size, block, 3)
    averaged: NDArray[np.uint8] = np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)
    return averaged


def _dressed(state: MazeState, look: Look) -> MazeState:
    copy = state.copy()
    copy.look = look
    return copy
