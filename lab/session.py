"""The document that is studied in the lab: a maze, and one or two agents with edits."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chisel.analysis.maze import AnyEdit
from chisel.analysis.results import read_plain
from chisel.configs import ConfigError
from chisel.envs.maze import MazeState, paths

FORMAT = 1
MOST_EDITS = 64
LARGEST = 31
"""Side in cells of the largest maze that a world holds."""


@dataclass(frozen=True)
class Board:
    """A maze with its mouse and cheese."""

    maze: tuple[str, ...]
    """Drawing, top row first: `#` wall, `.` free, `C` cheese, `M` mouse."""
    facing: Literal["left", "right"] = "left"
    """Side that the mouse faces; networks that see pixels see that, too."""
    background: int = 0
    """Number of procgen's background picture, which some networks see."""
    level: int = -1
    """procgen's seed of the level that the maze was made from; -1 if it was made from none."""

    def state(self, mode: str) -> MazeState:
        """Make the maze in a world of one of procgen's modes.

        Raises:
            ConfigError: If the drawing cannot be read, or does not fit the world.
        """
        if not 0 < len(self.maze) <= LARGEST or max(map(len, self.maze)) > LARGEST:
            raise ConfigError(f"board.maze: 1 to {LARGEST} rows and columns are possible")
        state = MazeState.from_drawing("\n".join(self.maze), mode=mode)
        state.is_reflected = self.facing == "right"
        state.background = (self.background, 0.0)
        state.level_seed = self.level
        return state

    @classmethod
    def of(cls, state: MazeState) -> Board:
        """Return the board of a state."""
        facing: Literal["left", "right"] = "right" if state.is_reflected else "left"
        maze = tuple(state.draw().splitlines())
        return cls(maze, facing, state.background[0], state.level_seed)


@dataclass(frozen=True)
class Slot:
    """An agent with a list of edits."""

    agent: str
    """Name of the agent in the lab."""
    digest: str = ""
    """sha256 of the agent's weights, in hex; empty if any weights will do."""
    edits: tuple[AnyEdit, ...] = ()


@dataclass(frozen=True)
class Session:
    """A maze, and one agent or two that are compared in it."""

    board: Board
    slots: tuple[Slot, ...]
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ConfigError(f"a session of format {self.format}; this version reads {FORMAT}")
        if not 1 <= len(self.slots) <= 2:
            raise ConfigError(f"a session has one agent or two, not {len(self.slots)}")
        for slot in self.slots:
            if len(slot.edits) > MOST_EDITS:
                raise ConfigError(f"{len(slot.edits)} edits; at most {MOST_EDITS} are possible")


def read_session(path: Path) -> Session:
    """Read a session that the page saved.

    Raises:
        ConfigError: If the file cannot be read, or holds no session.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is no session of the lab: {error}") from None
    return read_plain(Session, plain, "session")


def marks(state: MazeState, sizes: tuple[int, int], region: int | None) -> list[str]:
    """Describe the properties of a maze that no maze of training had.

    Args:
        state: The maze.
        sizes: Sides in cells of the smallest and the largest maze of training.
        region: Side in cells of the top-right region of the cheese; None if it was anywhere.
    """
    side, found = state.maze_dim, []
    if not sizes[0] <= side <= sizes[1]:
        found.append(f"training had mazes of {sizes[0]}×{sizes[0]} to {sizes[1]}×{sizes[1]}")
    if not is_perfect(state.open):
        found.append("procgen makes no such walls: its mazes have one path between any two squares")
    if state.mouse != (0, 0):
        found.append("in training the mouse starts at the bottom left")
    if len(state.cheese) != 1:
        found.append(f"training had one cheese, here {len(state.cheese)} are shown")
    first = 0 if region is None else side - min(max(region, 1), side)
    if any(min(cell) < first for cell in state.cheese):
        found.append(f"in training the cheese was in the top-right {side - first}×{side - first}")
    return found


def is_perfect(open_cells: NDArray[np.bool_]) -> bool:
    """Return whether procgen could carve a maze: a tree that spans every other square."""
    rooms = open_cells[::2, ::2]
    if not rooms.all() or open_cells[1::2, 1::2].any():
        return False
    doors = int(open_cells.sum()) - rooms.size
    reached = paths.distances(open_cells, (0, 0)) >= 0
    return doors == rooms.size - 1 and bool(reached[open_cells].all())
