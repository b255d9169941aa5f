"""Still lifes: patterns that stand still under the rules of life, found by a random search.

As long as a cell breaks the rules, a cell around it changes to another kind. Changes that leave
fewer broken rules are likelier, by a Boltzmann distribution at a temperature.
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
"""Unsigned: compiled code tests each index that may be negative, which costs a sixth of a level."""
Small = NDArray[np.int8]

_TRIES = 11
_CHANGES_PER_CELL = 40
_MORE, _LESS = 1.07, 0.94
_EMPTY, _WALL, _LIFE, _TREE = range(4)
_NEVER = -40.0
"""Logarithm of a weight that no draw of 53 bits can tell from 0."""
_CELLS = np.array([cells.EMPTY, cells.WALL, cells.LIFE, cells.TREE], np.uint16)
"""Cells of the four kinds, in an order in which bit 0 says frozen and bit 1 alive."""


_BREAKS = np.zeros((4, 12), np.int8)
"""`[kind, 1 + number of living cells in its square]`: 1 where a cell would change, else 0."""
_BREAKS[_EMPTY, 1 + 3] = 1
_BREAKS[_LIFE] = 1
_BREAKS[_LIFE, [1 + 3, 1 + 4]] = 0


@dataclass(frozen=True)
class Pattern:
    """What kind of still life grows in a region."""

    min_fill: float = 0.2
    """Least share of the cells that may change that it fills."""
    max_fill: float | None = None
    """Largest share; None is twice the least."""
    temperature: float = 0.5
    """Below 0.3 the search often fails; at 0.4 patterns are simple, at 1.5 intricate."""
    wall: tuple[float, float] = (100.0, 100.0)
    """Penalty on a wall while there is none, and when all that is filled is wall."""
    tree: tuple[float, float] = (100.0, 100.0)
    """The same for trees."""


def grow(
    bits: Bits, board: Board, free: Mask, checked: Mask, seeds: Mask, pattern: Pattern
) -> Board:
    """Return a board with a still life added.

    The search starts again with other bounds if it takes too long (then it may fill less) or fills
    too much (then more is allowed). After eleven tries nothing is added.

    Args:
        bits: Where draws come from.
        board: Cells `[H, W]`.
        free: Cells that may change; they are empty.
        checked: Cells at which the rules must hold.
        seeds: Cells around which the search begins.
        pattern: What grows.
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
    """Where each cell lies in the order."""
    size: Places
    """`[1]`."""


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
    """Put a cell into a set, or take it out."""
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
    """Number of living cells in the 3x3 square around each."""
    broken: Small
    """1 where the cell would change in the next step, else 0."""
    flips: Small
    """`[2, H W]`: what one more (row 0) or one less (row 1) living cell would add to `broken`."""
    sums: Small
    """`[2, H W]`: the sum of `flips` over the square."""
    free: Mask
    checked: Mask
    around: Places
    """`[H W, 9]`: the cells of the square."""
    wrong: _IndexSet
    """The checked cells that are broken."""
    totals: NDArray[np.int64]
    """Number `[4]` of free cells of each kind."""
    logs: NDArray[np.float64]
    """Room for the logarithms of weights `[27]`."""
    choices: Places
    """Room for the changes that they are the weights of, each as `4 cell + kind`."""


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
    """Grow a still life on a flat board, in place; False if it took too long.

    Args:
        shape: Temperature, and penalties on walls and trees, each at none and at all.
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
    """Write where the rules are broken, and what would change that."""
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
    """Write the penalties `[4]` on the kinds: an empty cell has one until enough is filled."""
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
    """Write the logarithm of the weight of each change, and return how many changes there are."""
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
