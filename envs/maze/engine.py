"""The interface of the two engines that play mazes: procgen's library and our compiled code."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from chisel.envs.maze.boards import Boards
from chisel.envs.maze.rules import Look


class Engine(Protocol):
    """`num` games side by side.

    An episode begins in one of two ways: `load` takes the level that the engine has drawn from its
    own stream, and `place` takes the level that lies on the boards. `step` moves the mice on the
    boards.

    Attributes:
        num: Number of games, N.
        look: Mode and visual options.
        boards: The current levels.
    """

    num: int
    look: Look
    boards: Boards

    @property
    def rewards(self) -> NDArray[np.float32]:
        """Rewards of the last step `[N]`."""

    @property
    def first(self) -> NDArray[np.bool_]:
        """Whether the last step ended an episode, `[N]`."""

    @property
    def completed(self) -> NDArray[np.uint8]:
        """Whether the last step reached the cheese, `[N]`."""

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The picture of each game that agents see, uint8 `[N, 64, 64, 3]`, a fresh copy."""

    def step(self, actions: NDArray[np.integer[Any]]) -> None:
        """Act in every game, int `[N]`."""

    def restart(self) -> None:
        """End the episodes of all games by force."""

    def load(self, rows: NDArray[np.intp]) -> None:
        """Put the next levels of the engine's own streams on the boards of these games."""

    def commit(self, rows: NDArray[np.intp], timeout: int) -> None:
        """Set these games to their boards, which were edited after `load`.

        Args:
            rows: Numbers of the games.
            timeout: Steps after which their episodes end.
        """

    def place(
        self,
        rows: NDArray[np.intp],
        backgrounds: NDArray[np.int32],
        shifts: NDArray[np.float32],
        timeout: int,
    ) -> None:
        """Begin episodes of these games on their boards.

        Args:
            rows: Numbers of the games, `[n]`.
            backgrounds: Numbers of the background images, `[n]`.
            shifts: Shifts of the background images (0…1), `[n]`.
            timeout: Steps after which the episodes end.
        """

    def read(self, row: int) -> bytearray:
        """Return the whole state of one game, in procgen's bytes."""

    def write(self, row: int, blob: bytes | bytearray) -> None:
        """Put one game, and its board, into a state."""

    def close(self) -> None:
        """Free the games."""
