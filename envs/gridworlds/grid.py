"""Maps drawn as text, and moves in them."""

from __future__ import annotations

from collections.abc import Sequence

from chisel.configs import hint
from chisel.configs.errors import ConfigError

Cell = tuple[int, int]
"""Row and column of a cell, from the top left."""

UP, DOWN, LEFT, RIGHT, NOTHING = range(5)
"""The actions, in the order of the published code."""
ACTIONS = ("up", "down", "left", "right", "nothing")
"""Names of the actions, by number."""

WALL, FLOOR, AGENT = "#", " ", "A"

_DELTAS = ((-1, 0), (1, 0), (0, -1), (0, 1), (0, 0))


def beside(cell: Cell, action: int) -> Cell:
    """Return the next cell in the action's direction, even a wall; for `NOTHING` the same cell."""
    down, right = _DELTAS[action]
    return cell[0] + down, cell[1] + right


class Grid:
    """A map: the cells of its walls, and the cell in which each other glyph starts.

    Args:
        rows: The map, one text per row: `#` wall, space floor, `A` the agent, and other glyphs.
        glyphs: All other glyphs that the map may have.

    Raises:
        ConfigError: If rows are unequal, a glyph is unknown, or there is not exactly one agent.
    """

    def __init__(self, rows: Sequence[str], glyphs: str) -> None:
        self.rows = tuple(rows)
        self.height, self.width = len(rows), len(rows[0]) if rows else 0
        self._cells: dict[str, list[Cell]] = {}
        known = {WALL, FLOOR, AGENT, *glyphs}
        for number, row in enumerate(rows):
            if len(row) != self.width:
                raise ConfigError(
                    f"map: row {number} has {len(row)} cells, row 0 has {self.width}; "
                    "make all rows equally long"
                )
            for column, glyph in enumerate(row):
                if glyph not in known:
                    raise ConfigError(
                        f"map: unknown glyph {glyph!r} in row {number}, column {column}; "
                        f"{hint(glyph, known - {FLOOR})}"
                    )
                self._cells.setdefault(glyph, []).append((number, column))
        self.agent = self.one(AGENT)
        self._walls = frozenset(self.every(WALL))

    def every(self, glyph: str) -> tuple[Cell, ...]:
        """Return all cells of a glyph, row by row."""
        return tuple(self._cells.get(glyph, ()))

    def one(self, glyph: str) -> Cell:
        """Return the only cell of a glyph.

        Raises:
            ConfigError: If there is none or more than one.
        """
        cells = self.every(glyph)
        if len(cells) != 1:
            what = f"agent {AGENT!r}" if glyph == AGENT else repr(glyph)
            raise ConfigError(f"map: needs exactly one {what}, but has {len(cells)}")
        return cells[0]

    def is_wall(self, cell: Cell) -> bool:
        """Return whether a cell is a wall or lies outside the map."""
        row, column = cell
        inside = 0 <= row < self.height and 0 <= column < self.width
        return not inside or cell in self._walls

    def move(self, cell: Cell, action: int, *blocked: Cell | None) -> Cell:
        """Return the cell after a move: the next in the action's direction unless it is blocked.

        Args:
            cell: Cell before the move.
            action: 0…4.
            blocked: Cells that cannot be entered, besides walls; None is no cell.
        """
        ahead = beside(cell, action)
        return cell if self.is_wall(ahead) or ahead in blocked else ahead
