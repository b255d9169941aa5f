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
Ints = NDArray[np.int64]

_TRIES = 11
_CHANGES_PER_CELL = 40
_MORE, _LESS = 1.07, 0.94
_EMPTY, _WALL, _LIFE, _TREE = range(4)
_CELLS = np.array([cells.EMPTY, cells.WALL, cells.LIFE, cells.TREE], np.uint16)
"""Cells of the four kinds, in an order in which bit 0 says frozen and bit 1 alive."""


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

    order: Ints
    """All cells; those in the set come first."""
    place: Ints
    """Where each cell lies in the order."""
    size: Ints
    """`[1]`."""


@compiled
def _index_set(number: int) -> _IndexSet:
    return _IndexSet(np.arange(number), np.arange(number), np.zeros(1, np.int64))


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

    kinds: Ints
    near: Ints
    """Number of living cells in the 3x3 square around each."""
    broken: Mask
    """Whether the cell would change in the next step."""
    free: Mask
    checked: Mask
    around: Ints
    """`[H W, 9]`: the cells of the square."""
    wrong: _IndexSet
    """The checked cells that are broken."""
    totals: Ints
    """Number `[4]` of free cells of each kind."""


@compiled
def _squares(height: int, width: int) -> Ints:
    around = np.empty((height * width, 9), np.int64)
    for y in range(height):
        for x in range(width):
            for dy in range(3):
                for dx in range(3):
                    row, column = (y + dy - 1) % height, (x + dx - 1) % width
                    around[y * width + x, 3 * dy + dx] = row * width + column
    return around


@compiled
def _breaks(kind: int, near: int) -> bool:
    """Whether a cell of a kind would change with so many living cells in its square."""
    if kind == _EMPTY:
        return near == 3
    return kind == _LIFE and near != 3 and near != 4


@compiled
def _search(
    bits: Bits,
    board: Board,
    free: Mask,
    checked: Mask,
    seeds: Mask,
    around: Ints,
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
            chosen = search.wrong
        elif unused_seeds.size[0]:
            chosen = unused_seeds
        else:
            chosen = anywhere
        middle = chosen.order[masked_integer(bits, chosen.size[0], chosen.size[0])]
        _set(unused_seeds, middle, False)
        _penalize(penalties, search.totals, filled, enough, shape)
        _change_one(bits, search, middle, penalties, shape[0])
    return False


@compiled
def _start(board: Board, free: Mask, checked: Mask, around: Ints) -> _Search:
    number = len(board)
    search = _Search(
        np.empty(number, np.int64),
        np.zeros(number, np.int64),
        np.zeros(number, np.bool_),
        free,
        checked,
        around,
        _index_set(number),
        np.zeros(4, np.int64),
    )
    for cell in range(number):
        alive, frozen = board[cell] & cells.ALIVE != 0, board[cell] & cells.FROZEN != 0
        search.kinds[cell] = 2 * alive + frozen
        if alive:
            for other in around[cell]:
                search.near[other] += 1
        if free[cell]:
            search.totals[search.kinds[cell]] += 1
    for cell in range(number):
        search.broken[cell] = _breaks(search.kinds[cell], search.near[cell])
        _set(search.wrong, cell, search.broken[cell] and checked[cell])
    return search


@compiled
def _penalize(
    penalties: NDArray[np.float64],
    totals: Ints,
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
    bits: Bits, search: _Search, middle: int, penalties: NDArray[np.float64], temperature: float
) -> None:
    """Change one free cell of the square around a cell to another kind."""
    logs = np.empty(27)
    choices = np.empty((27, 2), np.int64)
    number = 0
    for cell in search.around[middle]:
        if not search.free[cell]:
            continue
        for step in range(1, 4):
            kind = (search.kinds[cell] + step) & 3
            logs[number] = (_more_broken(search, cell, kind) + penalties[kind]) * (-1 / temperature)
            choices[number] = cell, kind
            number += 1
    target = draw(bits)
    if number == 0:
        return
    sums = np.cumsum(np.exp(logs[:number] - logs[:number].max()))
    target *= sums[-1]
    for choice in range(number):
        if sums[choice] > target:
            _change(search, choices[choice, 0], choices[choice, 1])
            return


@compiled
def _more_broken(search: _Search, cell: int, kind: int) -> int:
    """Return by how many more cells the rules would be broken if a cell were of another kind."""
    gained = (kind >> 1) - (search.kinds[cell] >> 1)
    more = 0
    if gained == 0:
        return np.int64(_breaks(kind, search.near[cell])) - search.broken[cell]
    for other in search.around[cell]:
        other_kind = kind if other == cell else search.kinds[other]
        more += np.int64(_breaks(other_kind, search.near[other] + gained)) - search.broken[other]
    return more


@compiled
def _change(search: _Search, cell: int, kind: int) -> None:
    gained = (kind >> 1) - (search.kinds[cell] >> 1)
    search.totals[search.kinds[cell]] -= 1
    search.totals[kind] += 1
    search.kinds[cell] = kind
    for other in search.around[cell]:
        search.near[other] += gained
    for other in search.around[cell]:
        if gained or other == cell:
            broken = _breaks(search.kinds[other], search.near[other])
            search.broken[other] = broken
            _set(search.wrong, other, broken and search.checked[other])
