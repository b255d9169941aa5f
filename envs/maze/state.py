"""Read and edit the state of one maze game in its bytes.

Positions are (row, column) in cells of the inner maze: row 0 is the bottom, column 0 the left, and
the mouse of procgen's own levels starts at (0, 0). Around the inner maze the world is all wall.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chisel.configs import WORLD_SIZE
from chisel.configs.errors import ConfigError
from chisel.envs.maze import drawing, layout
from chisel.envs.maze.native import game_bytes
from chisel.envs.maze.rules import CHEESE, FREE, WALL, Cell, Look

_MODE_OF_CODE = {0: "easy", 1: "hard", 10: "memory"}


class MazeState:
    """One game's whole state; edits change it in place, in microseconds.

    Args:
        blob: Bytes of a procgen maze state; copied.

    Raises:
        EnvironmentFault: If the bytes are not a procgen maze state.
    """

    __slots__ = ("_blob", "_cells", "_grid", "_head")

    def __init__(self, blob: bytes | bytearray) -> None:
        self._hold(blob, *layout.find(blob))

    def _hold(self, blob: bytes | bytearray, head: int, grid: int, side: int) -> None:
        self._blob, self._head, self._grid = bytearray(blob), head, grid
        flat = np.frombuffer(self._blob, "<i4", side * side, grid)
        self._cells: NDArray[np.int32] = flat.reshape(side, side)

    @classmethod
    def from_grid(
        cls, grid: ArrayLike, *, mouse: Cell = (0, 0), mode: str | None = None
    ) -> MazeState:
        """Make the first state of an episode in any maze.

        Args:
            grid: Codes of the cells (`FREE`, `WALL`, `CHEESE`), row 0 at the bottom. A maze is
                padded with walls on the right and on top to a square with an odd side.
            mouse: Cell where the mouse starts.
            mode: procgen's mode; None takes the smallest world that holds the maze.

        Raises:
            ConfigError: If the maze is too large, a code is unknown, or the mouse is in a wall.
        """
        codes = _checked(grid)
        side = max(*codes.shape, 3) | 1
        fitting = [m for m, most in WORLD_SIZE.items() if most >= side]
        chosen = mode or (fitting[0] if fitting else "memory")
        if chosen not in fitting:
            raise ConfigError(
                f"a maze of {side}×{side} does not fit the world of mode "
                f"{chosen!r}: {', '.join(f'{m} {s}' for m, s in WORLD_SIZE.items())}"
            )
        state = cls(game_bytes.fresh(Look(chosen)))
        state.level_seed = -1
        margin = (state.world_dim - side) // 2
        walls = [(margin, state.world_dim - margin - length) for length in codes.shape]
        state.set_world(np.pad(codes, walls, constant_values=WALL), side)
        state.set_mouse(*mouse, strict=True)
        return state

    @classmethod
    def from_drawing(cls, text: str, *, mode: str | None = None) -> MazeState:
        """Make the first state of an episode in a maze drawn as text, top row first.

        Glyphs: `#` wall, `.` free, `C` cheese, `M` mouse (exactly one).

        Raises:
            ConfigError: If a glyph is unknown, rows are unequal, or there is not one mouse.
        """
        grid, mouse = drawing.parse(text)
        return cls.from_grid(grid, mouse=mouse, mode=mode)

    def draw(self) -> str:
        """Return the inner maze as text that `from_drawing` reads."""
        return drawing.render(self.grid, self.mouse)

    @property
    def buffer(self) -> bytearray:
        """The state's own bytes, to give to procgen without a copy."""
        return self._blob

    def copy(self) -> MazeState:
        """Return an independent copy."""
        copy = object.__new__(MazeState)  # these bytes have been checked
        copy._hold(self._blob, self._head, self._grid, self.world_dim)
        return copy

    def __eq__(self, other: object) -> bool:
        """Compare all bytes, random streams included."""
        return isinstance(other, MazeState) and self._blob == other._blob

    __hash__ = None  # type: ignore[assignment]  # mutable, so it must not be a key

    def __repr__(self) -> str:
        """Show size, level seed, mouse and cheese."""
        return (
            f"MazeState({self.maze_dim}×{self.maze_dim}, seed {self.level_seed}, "
            f"mouse {self.mouse}, cheese {self.cheese})"
        )

    # Reading

    @property
    def world_dim(self) -> int:
        """Side of the world in cells."""
        return len(self._cells)

    @property
    def maze_dim(self) -> int:
        """Side of the inner maze in cells."""
        return int(layout.INT.unpack_from(self._blob, len(self._blob) - layout.TAIL_BYTES)[0])

    @property
    def margin(self) -> int:
        """Cells of wall between the world's edge and the inner maze."""
        return (self.world_dim - self.maze_dim) // 2

    @property
    def world(self) -> NDArray[np.uint8]:
        """Codes of all cells `[world_dim, world_dim]`, a copy."""
        return self._cells.astype(np.uint8)

    @property
    def grid(self) -> NDArray[np.uint8]:
        """Codes of the inner maze `[maze_dim, maze_dim]`, a copy."""
        return self._inner().astype(np.uint8)

    @property
    def open(self) -> NDArray[np.bool_]:
        """Cells that are no wall, bool `[maze_dim, maze_dim]`."""
        return np.asarray(self._inner() != WALL)

    @property
    def mouse(self) -> Cell:
        """The mouse's cell."""
        x, y = layout.POINT.unpack_from(self._blob, self._head + layout.MOUSE)
        margin = self.margin
        return int(y) - margin, int(x) - margin

    @property
    def cheese(self) -> list[Cell]:
        """Cells with cheese, from the bottom left; empty if there is none."""
        rows, cols = np.nonzero(self._inner() == CHEESE)
        return list(zip(rows.tolist(), cols.tolist(), strict=True))

    @property
    def look(self) -> Look:
        """The mode and the visual options that the state carries."""
        return Look(
            mode=_MODE_OF_CODE[self._int(layout.MODE)],
            use_backgrounds=bool(self._int(layout.BACKGROUNDS)),
            use_monochrome_assets=bool(self._int(layout.MONOCHROME)),
            restrict_themes=bool(self._int(layout.THEMES)),
        )

    @look.setter
    def look(self, look: Look) -> None:
        if look.mode != self.look.mode:
            raise ConfigError(f"a maze of mode {self.look.mode!r} cannot become {look.mode!r}")
        self._set_int(layout.BACKGROUNDS, look.use_backgrounds)
        self._set_int(layout.MONOCHROME, look.use_monochrome_assets)
        self._set_int(layout.THEMES, look.restrict_themes)

    @property
    def level_seed(self) -> int:
        """Seed of the level; -1 in a maze drawn by hand."""
        return self._int(self._head + layout.LEVEL_SEED)

    @level_seed.setter
    def level_seed(self, seed: int) -> None:
        self._set_int(self._head + layout.LEVEL_SEED, seed)

    @property
    def timeout(self) -> int:
        """Steps after which an episode ends; kept over automatic resets."""
        return self._int(self._head + layout.TIMEOUT)

    @timeout.setter
    def timeout(self, steps: int) -> None:
        if steps < 1:
            raise ConfigError(f"timeout = {steps}: an episode has at least 1 step")
        self._set_int(self._head + layout.TIMEOUT, steps)

    @property
    def cur_time(self) -> int:
        """Steps since the episode began."""
        return self._int(self._head + layout.CURRENT_TIME)

    @cur_time.setter
    def cur_time(self, steps: int) -> None:
        self._set_int(self._head + layout.CURRENT_TIME, steps)

    @property
    def is_reflected(self) -> bool:
        """Whether the mouse faces right; a fresh one faces left."""
        return bool(self._int(self._head + layout.REFLECTED))

    @is_reflected.setter
    def is_reflected(self, reflected: bool) -> None:
        self._set_int(self._head + layout.REFLECTED, reflected)

    @property
    def seed_range(self) -> tuple[int, int]:
        """First level seed of the automatic resets, and one past the last."""
        low, high = layout.PAIR.unpack_from(self._blob, layout.SEED_RANGE)
        return int(low), int(high)

    @seed_range.setter
    def seed_range(self, limits: tuple[int, int]) -> None:
        layout.PAIR.pack_into(self._blob, layout.SEED_RANGE, *limits)

    @property
    def background(self) -> tuple[int, float]:
        """Number of the background image, and its shift (0…1)."""
        shift = layout.FLOAT.unpack_from(self._blob, self._head + layout.BACKGROUND_SHIFT)[0]
        return self._int(self._head + layout.BACKGROUND), float(shift)

    @background.setter
    def background(self, background: tuple[int, float]) -> None:
        self._set_int(self._head + layout.BACKGROUND, background[0])
        shift_at = self._head + layout.BACKGROUND_SHIFT
        layout.FLOAT.pack_into(self._blob, shift_at, background[1])

    # Editing

    def set_mouse(self, row: int, col: int, *, strict: bool = False) -> None:
        """Put the mouse on a cell.

        Raises:
            ConfigError: If the cell is outside the maze or, when `strict`, a wall.
        """
        self._require_inside(row, col, "the mouse")
        margin = self.margin
        if strict and self._cells[row + margin, col + margin] == WALL:
            raise ConfigError(f"the mouse cannot stand at ({row}, {col}): that cell is a wall")
        centre = col + margin + 0.5, row + margin + 0.5
        layout.POINT.pack_into(self._blob, self._head + layout.MOUSE, *centre)

    def add_cheese(self, row: int, col: int) -> None:
        """Put one more cheese on a free cell.

        Raises:
            ConfigError: If the cell is outside the maze or a wall.
        """
        self._require_inside(row, col, "the cheese")
        margin = self.margin
        if self._cells[row + margin, col + margin] == WALL:
            raise ConfigError(f"the cheese cannot lie at ({row}, {col}): that cell is a wall")
        self._cells[row + margin, col + margin] = CHEESE

    def remove_cheese(self) -> None:
        """Take all cheese away; an episode without cheese ends by timeout."""
        self._cells[self._cells == CHEESE] = FREE

    def move_cheese(self, row: int, col: int) -> None:
        """Put the cheese on this cell and on no other.

        Raises:
            ConfigError: If the cell is outside the maze or a wall; nothing has changed then.
        """
        self.add_cheese(row, col)
        self.set_cheese([(row, col)])

    def set_cheese(self, cells: Iterable[Cell]) -> None:
        """Put cheese on exactly these cells.

        Raises:
            ConfigError: If a cell is outside the maze or a wall.
        """
        self.remove_cheese()
        for row, col in cells:
            self.add_cheese(row, col)

    def set_world(self, world: NDArray[np.uint8], maze_dim: int) -> None:
        """Replace all cells, unchecked: for levels that procgen made itself."""
        self._cells[:] = world
        layout.INT.pack_into(self._blob, len(self._blob) - layout.TAIL_BYTES, maze_dim)

    def set_outcome(self, reward: float, done: bool, completed: bool, previous_seed: int) -> None:
        """Set the outcome of the last step, which procgen reports when the state is loaded.

        Args:
            reward: Reward of the step.
            done: Whether it ended an episode.
            completed: Whether it reached the cheese.
            previous_seed: Level seed of the episode that the step belongs to.
        """
        layout.FLOAT.pack_into(self._blob, self._head + layout.REWARD, reward)
        layout.PAIR.pack_into(self._blob, self._head + layout.DONE, done, completed)
        self._set_int(self._head + layout.PREVIOUS_SEED, previous_seed)

    def _inner(self) -> NDArray[np.int32]:
        margin = self.margin
        stop = self.world_dim - margin
        return self._cells[margin:stop, margin:stop]

    def _require_inside(self, row: int, col: int, what: str) -> None:
        side = self.maze_dim
        if not (0 <= row < side and 0 <= col < side):
            raise ConfigError(
                f"{what} cannot be at ({row}, {col}): rows and columns are 0…{side - 1}"
            )

    def _int(self, offset: int) -> int:
        return int(layout.INT.unpack_from(self._blob, offset)[0])

    def _set_int(self, offset: int, value: int) -> None:
        layout.INT.pack_into(self._blob, offset, value)


def _checked(grid: ArrayLike) -> NDArray[Any]:
    codes = np.asarray(grid)
    if codes.ndim != 2 or codes.size == 0:
        raise ConfigError(f"a maze has rows and columns, but the array has shape {codes.shape}")
    unknown = set(np.unique(codes).tolist()) - {FREE, WALL, CHEESE}
    if unknown:
        raise ConfigError(
            f"unknown cell code {sorted(unknown)[0]}: free is {FREE}, wall {WALL}, cheese {CHEESE}"
        )
    return codes
