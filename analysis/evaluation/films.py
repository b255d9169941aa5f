"""Film episodes: take pictures of every copy of an environment while a policy plays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_FRAMES = 150
"""Number of steps after which a film ends, even if episodes go on."""


class FilmRecorder:
    """Wraps an environment and takes a picture of every copy at every step.

    A finished game is replaced at once, so the last picture of an episode is that of the step
    before its end; it stays, darkened, until all episodes have ended.

    Args:
        env: A vector environment.
        pictures: Function that draws each copy of it as it is now, uint8 `[H, W, 3]`.
        most: Largest number of pictures.
    """

    def __init__(
        self,
        env: Any,
        pictures: Callable[[Any], Sequence[NDArray[np.uint8]]],
        most: int = MAX_FRAMES,
    ) -> None:
        self._env, self._pictures, self._most = env, pictures, most
        self.num_envs: int = env.num_envs
        self._frames: list[NDArray[np.uint8]] = []
        self._running = np.ones(self.num_envs, bool)

    def reset(self, **options: Any) -> Any:
        """Reset the environment and take the first picture."""
        started = self._env.reset(**options)
        self._running[:] = True
        self._take(self._running)
        return started

    def step(self, actions: NDArray[np.int64]) -> Any:
        """Step the environment and take a picture of the games whose episode goes on."""
        result = self._env.step(actions)
        ended = (result[2] | result[3]) & self._running
        self._running &= ~ended
        self._take(ended)
        return result

    def panels(self) -> NDArray[np.uint8]:
        """Return the pictures of each game, uint8 `[T, N, H, W, 3]`."""
        return np.stack(self._frames)

    def film(self) -> NDArray[np.uint8]:
        """Return all pictures, uint8 `[T, H, W, 3]`, with the games in a grid."""
        return np.stack([_grid(panels) for panels in self._frames])

    def _take(self, ended: NDArray[np.bool_]) -> None:
        if len(self._frames) >= self._most:
            return
        pictures = np.stack(self._pictures(self._env))
        if self._frames:
            last = self._frames[-1].copy()
            last[ended] //= 3
            pictures = np.where(self._running[:, None, None, None], pictures, last)
        self._frames.append(pictures)


def _grid(panels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Arrange panels `[N, H, W, 3]` in one picture, as a grid that is as square as possible."""
    across = math.isqrt(len(panels) - 1) + 1
    down = -(-len(panels) // across)
    height, width = panels.shape[1:3]
    full = np.zeros((across * down, *panels.shape[1:]), np.uint8)
    full[: len(panels)] = panels
    grid = full.reshape(down, across, height, width, 3).swapaxes(1, 2)
    return np.ascontiguousarray(grid.reshape(down * height, across * width, 3))
