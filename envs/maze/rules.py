"""Constants of procgen's maze: codes of cells, moves of actions, visual options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from chisel.configs import WORLD_SIZE

FREE: Final = 100
WALL: Final = 51
CHEESE: Final = 2
"""Codes of the cells. procgen stores the mouse elsewhere, as an entity."""

MAX_SEED: Final = 2**31 - 1
"""One past the largest level seed."""

MOVES: Final = ("LEFT", "DOWN", "UP", "RIGHT", "NOOP")
"""The five moves, in the order of the literature on these agents."""

MOVE_DELTAS: Final = ((0, -1), (-1, 0), (1, 0), (0, 1), (0, 0))
"""(row, column) of each move; row 0 is the bottom of the maze."""

MOVE_OF_ACTION: Final[NDArray[np.int64]] = np.array([0, 0, 0, 1, 4, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4])
"""Move made by each of procgen's 15 actions: diagonals go sideways, the last six do nothing."""
MOVE_OF_ACTION.setflags(write=False)

ACTION_OF_MOVE: Final = (1, 3, 5, 7, 4)
"""One of procgen's actions for each move."""

NUM_ACTIONS: Final = 15
NOTHING_ACTION: Final = 4
"""The plain action that does nothing."""
RESET_ACTION: Final = -1
"""procgen's own code for ending an episode by force; never an agent's action."""

Cell = tuple[int, int]
"""(row, column) in the inner maze; (0, 0) is the bottom left, where the mouse starts."""


@dataclass(frozen=True)
class Look:
    """procgen's mode and visual options, by which a maze is drawn.

    `use_generated_assets` is left out, because procgen aborts the process when the state of a game
    with generated assets is read.
    """

    mode: str = "easy"
    use_backgrounds: bool = True
    use_monochrome_assets: bool = False
    restrict_themes: bool = False

    @property
    def world_dim(self) -> int:
        """Side of the world in cells."""
        return WORLD_SIZE[self.mode]

    @property
    def flat(self) -> bool:
        """Whether pixels are plain rectangles, which `native.flat` draws as procgen does."""
        return self.use_monochrome_assets and not self.use_backgrounds

    @property
    def centred(self) -> bool:
        """Whether pixels follow the mouse."""
        return self.mode == "memory"
