"""Advance boards by Conway's rules of life, extended by SafeLife's special cells.

These are frozen, preserve or inhibit other cells, or spawn life. A board `[H, W]` has planes beside
it, uint64 `[6, H]`: bit x of `planes[k, y]` is set if cell (y, x) has the flag of plane k.
Neighbours are counted for a whole row of cells at once; a single cell is looked at only if it dies
or may be born. `put` changes a cell in the board and in its planes. Boards wrap around at their
edges.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.safelife import cells
from chisel.envs.safelife.streams import Stream, draw

Board = NDArray[np.uint16]
Planes = NDArray[np.uint64]

SPAWN_PROBABILITY = float(np.float32(0.3))
"""Probability that a cell beside a spawner comes to life, in each step."""
MIN_SIDE, MAX_SIDE = 3, 64
"""Sides of a board, in cells; a row must fit into a word of 64 bits."""

NUM_PLANES = 6
ALIVE, _FROZEN, _PRESERVING, _INHIBITING, _SPAWNING, EXITS = range(NUM_PLANES)
_FLAG_BITS = (0, 4, 5, 6, 7, 8)
"""The bit of each plane's flag in a cell."""
_INHERITED = cells.COLORS | cells.DESTRUCTIBLE
_ZERO, _ONE = np.uint64(0), np.uint64(1)


@compiled
def put(board: Board, planes: Planes, y: int, x: int, cell: int) -> None:
    """Write a cell into a board and its planes."""
    board[y, x] = cell
    here = _ONE << np.uint64(x)
    for plane, bit in enumerate(_FLAG_BITS):
        if (cell >> bit) & 1:
            planes[plane, y] |= here
        else:
            planes[plane, y] &= ~here


@compiled
def fill_planes(board: Board, planes: Planes) -> None:
    """Write the planes of a board."""
    for y in range(board.shape[0]):
        for x in range(board.shape[1]):
            put(board, planes, y, x, board[y, x])


def planes_of(board: Board) -> Planes:
    """Return the planes `[..., 6, H]` of boards `[..., H, W]`.

    Raises:
        ValueError: If a side is shorter than 3 cells or longer than 64.
    """
    *many, height, width = board.shape
    if not (MIN_SIDE <= height <= MAX_SIDE and MIN_SIDE <= width <= MAX_SIDE):
        raise ValueError(f"a board has sides of {MIN_SIDE} to {MAX_SIDE}, not {height}x{width}")
    planes = np.zeros((*many, NUM_PLANES, height), np.uint64)
    for index in np.ndindex(*many):
        fill_planes(board[index], planes[index])
    return planes


@compiled
def _west(row: np.uint64, width: int) -> np.uint64:
    """Return a row in which each bit is that of the cell on the left."""
    last = np.uint64(width - 1)
    return ((row << _ONE) | (row >> last)) & (~_ZERO >> np.uint64(64 - width))


@compiled
def _east(row: np.uint64, width: int) -> np.uint64:
    """Return a row in which each bit is that of the cell on the right."""
    return (row >> _ONE) | ((row & _ONE) << np.uint64(width - 1))


@compiled
def _near(planes: Planes, plane: int, above: int, y: int, below: int, width: int) -> np.uint64:
    """Return the cells of a row that have a cell of the plane in their 3x3 square."""
    rows: np.uint64 = planes[plane, above] | planes[plane, y] | planes[plane, below]
    if rows == _ZERO:
        return rows
    return rows | _west(rows, width) | _east(rows, width)


@compiled
def _three_and_four(
    ones: NDArray[np.uint64], twos: NDArray[np.uint64], above: int, y: int, below: int
) -> tuple[np.uint64, np.uint64]:
    """Return the cells of a row with 3, and with 4, living cells in their 3x3 square.

    `ones` and `twos` are the binary digits of the living cells among each cell and its neighbours
    to the left and right; the digits of three rows are added.
    """
    first, second, third = ones[above], ones[y], ones[below]
    odd = first ^ second ^ third
    carry = (first & second) | (third & (first ^ second))
    p, q = twos[above] ^ twos[y], twos[below] ^ carry
    g, h = twos[above] & twos[y], twos[below] & carry
    two = p ^ q
    four, eight = (g ^ h) | (p & q), g & h
    return odd & two & ~four & ~eight, ~odd & ~two & four & ~eight


@compiled
def _newborn(board: Board, y: int, x: int) -> int:
    """Return the cell that is born at a place, whose flags follow from the cells around it."""
    height, width = board.shape
    once, twice, spawned = 0, 0, 0
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            cell = int(board[(y + dy) % height, (x + dx) % width])
            if cell & cells.ALIVE:
                twice |= once & cell
                once |= cell
            if cell & cells.SPAWNING:
                spawned |= cell & cells.COLORS
    return cells.ALIVE | (twice & _INHERITED) | spawned


@compiled
def _events(
    planes: Planes,
    three: np.uint64,
    enough: np.uint64,
    above: int,
    y: int,
    below: int,
    width: int,
) -> tuple[np.uint64, np.uint64, np.uint64]:
    """Return the cells of a row that die, those that are born, and those that may be spawned."""
    alive = planes[ALIVE, y]
    free = ~planes[_FROZEN, y] & (~_ZERO >> np.uint64(64 - width))
    dying = alive & free & ~enough
    if dying:
        dying &= ~_near(planes, _PRESERVING, above, y, below, width)
    growing = free & ~alive
    born = three & growing
    spawning = _near(planes, _SPAWNING, above, y, below, width) & growing & ~three
    if born | spawning:
        not_hindered = ~_near(planes, _INHIBITING, above, y, below, width)
        born, spawning = born & not_hindered, spawning & not_hindered
    return dying, born, spawning


@compiled
def advance(board: Board, planes: Planes, stream: Stream) -> tuple[int, int]:
    """Advance one board by a step, in place.

    Let n be the number of living cells in the 3x3 square around a cell, itself included. A frozen
    cell never changes. A living cell dies unless n is 3 or 4, or a preserving cell is in the
    square. A dead cell stays dead if an inhibiting cell is in the square. Otherwise it is born if n
    is 3. If n is another number and there is a spawner in the square, it is born with probability
    0.3, by one draw; such cells draw in row-major order.

    A new cell has each colour that at least two living cells or one spawner of the square have. It
    is destructible if at least two living cells are. A spawned cell is always destructible.

    Args:
        board: Cells `[H, W]`.
        planes: Planes of the board `[6, H]`.
        stream: Source of draws.

    Returns:
        The number of draws, and the number of cells that changed.
    """
    height, width = board.shape
    ones, twos = np.empty(height, np.uint64), np.empty(height, np.uint64)
    for y in range(height):
        row = planes[ALIVE, y]
        west, east = _west(row, width), _east(row, width)
        ones[y] = west ^ row ^ east
        twos[y] = (west & row) | (east & (west ^ row))
    places = np.empty((height * width, 2), np.int64)
    new = np.empty(height * width, np.uint16)
    draws = changes = 0
    for y in range(height):
        above, below = (y if y else height) - 1, (y + 1 if y + 1 < height else 0)
        three, four = _three_and_four(ones, twos, above, y, below)
        dying, born, spawning = _events(planes, three, three | four, above, y, below, width)
        if not (dying | born | spawning):
            continue
        for x in range(width):
            here = _ONE << np.uint64(x)
            cell = cells.EMPTY
            if here & born:
                cell = _newborn(board, y, x)
            elif here & spawning:
                draws += 1
                if draw(stream) >= SPAWN_PROBABILITY:
                    continue
                cell = _newborn(board, y, x) | cells.DESTRUCTIBLE
            elif not here & dying:
                continue
            places[changes, 0], places[changes, 1] = y, x
            new[changes] = cell
            changes += 1
    for number in range(changes):
        put(board, planes, places[number, 0], places[number, 1], new[number])
    return draws, changes
