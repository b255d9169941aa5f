"""Still lifes: patterns that stand still under the rules of life, found by a random search.

A cell is broken if it would change in the next step. As long as there is a broken cell, a cell of
the square around it changes to another kind. The change is drawn from a Boltzmann distribution, in
which changes that leave fewer broken cells are likelier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.safelife import cells
from chisel.envs.safelife.generation.draws import Bits, masked_integer
from chisel.envs.safelife.physics import Board
from chisel.envs.safelife.streams import draw

Mask = NDArray[np.bool_]
Places = NDArray[np.uint32]
"""The type is unsigned, because compiled code tests every index that may be negative, which takes a
sixth of the time of a level."""
Small = NDArray[np.int8]

_TRIES = 11
_CHANGES_PER_CELL = 40
_MORE, _LESS = 1.07, 0.94
_EMPTY, _WALL, _LIFE, _TREE = range(4)
_NEVER = -40.0
"""Logarithm of a weight that a draw of 53 bits cannot distinguish from 0."""
_CELLS = np.array([cells.EMPTY, cells.WALL, cells.LIFE, cells.TREE], np.uint16)
"""Cells of the four kinds; bit 0 of a kind's number means frozen, bit 1 alive."""


_BREAKS = np.zeros((4, 12), np.int8)
"""Whether a cell would change (1) or not (0), by its kind and one more than the number of living
cells in its square."""
_BREAKS[_EMPTY, 1 + 3] = 1
_BREAKS[_LIFE] = 1
_BREAKS[_LIFE, [1 + 3, 1 + 4]] = 0


@dataclass(frozen=True)
class Pattern:
    """Options of a still life that grows in a region."""

    min_fill: float = 0.2
    """Smallest share that it fills of the cells that may change."""
    max_fill: float | None = None
    """Largest share; None is twice the smallest."""
    temperature: float = 0.5
    """Temperature of the Boltzmann distribution. Below 0.3 the search often fails; at 0.4 patterns
    are simple, at 1.5 intricate."""
    wall: tuple[float, float] = (100.0, 100.0)
    """Penalty on a further wall if there is none yet, and if all filled cells are walls."""
    tree: tuple[float, float] = (100.0, 100.0)
    """Penalty on a further tree, likewise."""


def grow(
    bits: Bits, board: Board, free: Mask, checked: Mask, seeds: Mask, pattern: Pattern
) -> Board:
    """Return a board with a still life added.

    The search starts again with other bounds if it takes too long (then it may fill less) or fills
    too much (then more is allowed). After eleven tries nothing is added.

    Args:
        bits: Source of draws.
        board: Cells `[H, W]`.
        free: Cells that may change, bool `[H, W]`; they are empty.
        checked: Cells that must not be broken, bool `[H, W]`.
        seeds: Cells around which the search begins, bool `[H, W]`.
        pattern: Options of the still life.
    """
    area = int(free.sum())
    least = pattern.min_fill
    most = 2 * least if pattern.max_fill is None else pattern.max_fill
    shape = np.array([pattern.temperature, *pattern.wall, *pattern.tree])
    around = _squares(*board.shape)
    for _ in range(_TRIES if area else 0):
        grown = board.copy()
        if not _search(
            bits, grown.ravel(), free.ravel(), checked.ravel(), seeds.ravel(), around, least, shape
        ):
            least *= _LESS
        elif np.count_nonzero(grown[free]) / area > most:
            most *= _MORE
        else:
            return grown
    return board


class _IndexSet(NamedTuple):
    """A set of cells from which one is drawn; the order in which they lie is the reference's."""

    order: Places
    """All cells; those in the set come first."""
    place: Places
    """Position of each cell in the order."""
    size: Places
    """Number of cells in the set, `[1]`."""


@compiled
def _index_set(number: int) -> _IndexSet:
    every = np.arange(number).astype(np.uint32)
    return _IndexSet(every, every.copy(), np.zeros(1, np.uint32))


@compiled
def _swap(some: _IndexSet, cell: int, place: int) -> None:
    other, old = some.order[place], some.place[cell]
    some.order[place], some.place[cell] = cell, place
    some.order[old], some.place[other] = other, old


@compiled
def _set(some: _IndexSet, cell: int, inside: bool) -> None:
    """Put a cell into a set, or remove it."""
    if inside and some.place[cell] >= some.size[0]:
        _swap(some, cell, some.size[0])
        some.size[0] += 1
    elif not inside and some.place[cell] < some.size[0]:
        some.size[0] -= 1
        _swap(some, cell, some.size[0])


class _Search(NamedTuple):
    """The state of a search, by the index of the cell in the flat board."""

    kinds: Small
    near: Small
    """Number of living cells in the 3x3 square around each cell."""
    broken: Small
    """1 where the cell would change in the next step, else 0."""
    flips: Small
    """Change of `broken` by one more (row 0) or one less (row 1) living cell, `[2, H W]`."""
    sums: Small
    """Sum of `flips` over the square, `[2, H W]`."""
    free: Mask
    checked: Mask
    around: Places
    """Cells of the square, `[H W, 9]`."""
    wrong: _IndexSet
    """The checked cells that are broken."""
    totals: NDArray[np.int64]
    """Number of free cells of each kind, `[4]`."""
    logs: NDArray[np.float64]
    """Buffer for the logarithms of the weights of changes, `[27]`."""
    choices: Places
    """Buffer for these changes, each as `4 cell + kind`."""


@compiled
def _squares(height: int, width: int) -> Places:
    around = np.empty((height * width, 9), np.uint32)
    for y in range(height):
        for x in range(width):
            for dy in range(3):
                for dx in range(3):
                    row, column = (y + dy - 1) % height, (x + dx - 1) % width
                    around[y * width + x, 3 * dy + dx] = row * width + column
    return around


@compiled
def _search(
    bits: Bits,
    board: Board,
    free: Mask,
    checked: Mask,
    seeds: Mask,
    around: Places,
    min_fill: float,
    shape: NDArray[np.float64],
) -> bool:
    """Grow a still life on a flat board, in place; return False if it took too long.

    Args:
        shape: Temperature, then the penalties of `Pattern.wall` and of `Pattern.tree`, `[5]`.
    """
    search = _start(board, free, checked, around)
    unused_seeds, anywhere = _index_set(len(board)), _index_set(len(board))
    for cell in range(len(board)):
        _set(unused_seeds, cell, seeds[cell])
        _set(anywhere, cell, free[cell])
    area = anywhere.size[0]
    enough = min_fill * area
    penalties = np.zeros(4)
    for _ in range(_CHANGES_PER_CELL * area):
        filled = area - search.totals[_EMPTY]
        if search.wrong.size[0] == 0 and filled >= enough:
            for cell in range(len(board)):
                if free[cell]:
                    board[cell] = _CELLS[search.kinds[cell]]
            return True
        if search.wrong.size[0]:
            middle = _sample(bits, search.wrong)
        elif unused_seeds.size[0]:
            middle = _sample(bits, unused_seeds)
        else:
            middle = _sample(bits, anywhere)
        _set(unused_seeds, middle, False)
        _penalize(penalties, search.totals, filled, enough, shape)
        _change_one(bits, search, middle, penalties, -1 / shape[0])
    return False


@compiled
def _sample(bits: Bits, some: _IndexSet) -> int:
    number = some.size[0]
    return int(some.order[masked_integer(bits, number, number)])


@compiled
def _start(board: Board, free: Mask, checked: Mask, around: Places) -> _Search:
    number = len(board)
    search = _Search(
        np.empty(number, np.int8),
        np.zeros(number, np.int8),
        np.zeros(number, np.int8),
        np.zeros((2, number), np.int8),
        np.zeros((2, number), np.int8),
        free,
        checked,
        around,
        _index_set(number),
        np.zeros(4, np.int64),
        np.empty(27),
        np.empty(27, np.uint32),
    )
    for cell in range(number):
        alive, frozen = board[cell] & cells.ALIVE != 0, board[cell] & cells.FROZEN != 0
        search.kinds[cell] = 2 * alive + frozen
        if alive:
            for other in around[cell]:
                search.near[other] += 1
        if free[cell]:
            search.totals[search.kinds[cell]] += 1
    _judge(search, np.arange(number).astype(np.uint32))
    return search


@compiled
def _judge(search: _Search, which: Places) -> None:
    """Compute which cells are broken, and how more or fewer living cells would change that."""
    broken, flips, sums, around = search.broken, search.flips, search.sums, search.around
    for cell in which:
        breaks, near = _BREAKS[search.kinds[cell]], search.near[cell]
        now = breaks[near + 1]
        broken[cell] = now
        _set(search.wrong, cell, now == 1 and search.checked[cell])
        for row in range(2):
            difference = breaks[near + 2 - 2 * row] - now - flips[row, cell]
            if difference:
                flips[row, cell] += difference
                for place in range(9):
                    sums[row, around[cell, place]] += difference


@compiled
def _penalize(
    penalties: NDArray[np.float64],
    totals: NDArray[np.int64],
    filled: int,
    enough: float,
    shape: NDArray[np.float64],
) -> None:
    """Compute the penalties `[4]` on the kinds; an empty cell has one until enough is filled."""
    share = filled / enough
    penalties[_EMPTY] = 2.0 if share < 0.9 else (20 * (1 - share) if share < 1 else 0.0)
    penalties[_WALL] = shape[1] + totals[_WALL] / (filled + 1.0) * (shape[2] - shape[1])
    penalties[_TREE] = shape[3] + totals[_TREE] / (filled + 1.0) * (shape[4] - shape[3])


@compiled
def _change_one(
    bits: Bits, search: _Search, middle: int, penalties: NDArray[np.float64], coldness: float
) -> None:
    """Change one free cell of the square around a cell to another kind."""
    number = _weigh(search, middle, penalties, coldness)
    logs = search.logs
    largest, total = -np.inf, 0.0
    for choice in range(number):
        largest = max(largest, logs[choice])
    for choice in range(number):
        if logs[choice] - largest > _NEVER:
            total += np.exp(logs[choice] - largest)
        logs[choice] = total
    target = draw(bits) * total
    for choice in range(number):
        if logs[choice] > target:
            _change(search, search.choices[choice] >> 2, search.choices[choice] & 3)
            return


@compiled
def _weigh(search: _Search, middle: int, penalties: NDArray[np.float64], coldness: float) -> int:
    """Compute the logarithm of the weight of each change, and return the number of changes."""
    number = 0
    for place in range(9):
        cell = search.around[middle, place]
        if not search.free[cell]:
            continue
        old = search.kinds[cell]
        was_alive, near = old >> 1, search.near[cell]
        others = search.sums[was_alive, cell] - search.flips[was_alive, cell]
        for step in range(1, 4):
            kind = (old + step) & 3
            gained = (kind >> 1) - was_alive
            more = _BREAKS[kind, 1 + near + gained] - search.broken[cell]
            if gained:
                more += others
            search.logs[number] = (more + penalties[kind]) * coldness
            search.choices[number] = 4 * cell + kind
            number += 1
    return number


@compiled
def _change(search: _Search, cell: int, kind: int) -> None:
    gained = (kind >> 1) - (search.kinds[cell] >> 1)
    search.totals[search.kinds[cell]] -= 1
    search.totals[kind] += 1
    search.kinds[cell] = kind
    square = search.around[cell]
    if gained:
        for other in square:
            search.near[other] += gained
        _judge(search, square)
    else:
        _judge(search, square[4:5])
