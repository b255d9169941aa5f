"""Sets of cells that list their members in the order in which Python's `set` lists pairs of ints.

SafeLife picks a cell by its number in `list(set)`, so the levels of a seed depend on that order.
As in CPython's `setobject.c`, members lie in a table by their hash, and nine neighbours are tried
before the next place. A new member takes the last place on its way from which another one was
removed. The table is renewed when three fifths of it are used.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled

_FREE, _REMOVED = -1, -2
_SMALLEST_TABLE = 8
_NEIGHBOURS = 9
_SHIFT = np.uint64(5)
_FIVE, _ONE = np.uint64(5), np.uint64(1)


class PythonSets(NamedTuple):
    """A number of sets of cells; a cell is its index in the flat board."""

    tables: NDArray[np.int32]
    """Cell in each place, `[K, S]`; -1 if there never was one, -2 if one was removed."""
    sizes: NDArray[np.int64]
    """Number of places that each table uses, `[K]`."""
    filled: NDArray[np.int64]
    """Number of places that hold or once held a cell, `[K]`."""
    members: NDArray[np.int64]
    """Number of cells in each set, `[K]`."""


@cache
def pair_hashes(height: int, width: int) -> NDArray[np.uint64]:
    """Return the hash of (y, x) for each cell of the flat board; equal in every process."""
    pairs = [hash((y, x)) for y in range(height) for x in range(width)]
    return np.array(pairs, np.int64).view(np.uint64)


@compiled
def empty_sets(number: int, num_cells: int) -> PythonSets:
    """Return empty sets for boards of `num_cells` cells."""
    size = _SMALLEST_TABLE
    while size <= 4 * num_cells:
        size *= 2
    return _sets(number, size)


@compiled
def _sets(number: int, size: int) -> PythonSets:
    return PythonSets(
        np.full((number, size), _FREE, np.int32),
        np.full(number, _SMALLEST_TABLE, np.int64),
        np.zeros(number, np.int64),
        np.zeros(number, np.int64),
    )


@compiled
def with_more_sets(sets: PythonSets) -> PythonSets:
    """Return the same sets, and as many empty ones behind them."""
    number, size = sets.tables.shape
    more = _sets(2 * number, size)
    for which in range(number):
        for place in range(size):
            more.tables[which, place] = sets.tables[which, place]
        more.sizes[which] = sets.sizes[which]
        more.filled[which] = sets.filled[which]
        more.members[which] = sets.members[which]
    return more


@compiled
def _place(table: NDArray[np.int32], size: int, cell: int, hashed: np.uint64) -> tuple[int, int]:
    """Return the place of a cell, or the free place that it would take.

    Beside it, return the last place on the way from which a cell was removed, or -1.
    """
    mask = np.uint64(size - 1)
    place, rest = hashed & mask, hashed
    removed = -1
    while True:
        first = np.int64(place)
        last = first + _NEIGHBOURS if first + _NEIGHBOURS < size else first
        for here in range(first, last + 1):
            if table[here] == _FREE or table[here] == cell:
                return here, removed
            if table[here] == _REMOVED:
                removed = here
        rest >>= _SHIFT
        place = (place * _FIVE + _ONE + rest) & mask


@compiled
def add(sets: PythonSets, which: int, cell: int, hashes: NDArray[np.uint64]) -> None:
    """Add a cell to a set."""
    table = sets.tables[which]
    place, reusable = _place(table, sets.sizes[which], cell, hashes[cell])
    if table[place] == cell:
        return
    sets.members[which] += 1
    if reusable >= 0:
        table[reusable] = cell
        return
    table[place] = cell
    sets.filled[which] += 1
    if sets.filled[which] * 5 >= (sets.sizes[which] - 1) * 3:
        _renew(sets, which, hashes)


@compiled
def _renew(sets: PythonSets, which: int, hashes: NDArray[np.uint64]) -> None:
    size = _SMALLEST_TABLE
    while size <= 4 * sets.members[which]:
        size *= 2
    table = sets.tables[which]
    old = table[: sets.sizes[which]].copy()
    table[:] = _FREE
    for cell in old:
        if cell >= 0:
            table[_place(table, size, cell, hashes[cell])[0]] = cell
    sets.sizes[which], sets.filled[which] = size, sets.members[which]


@compiled
def discard(sets: PythonSets, which: int, cell: int, hashes: NDArray[np.uint64]) -> None:
    """Remove a cell from a set, if it is in there."""
    place, _ = _place(sets.tables[which], sets.sizes[which], cell, hashes[cell])
    if sets.tables[which, place] == cell:
        sets.tables[which, place] = _REMOVED
        sets.members[which] -= 1


@compiled
def member(sets: PythonSets, which: int, number: int) -> int:
    """Return `list(set)[number]`."""
    left = number
    for cell in sets.tables[which, : sets.sizes[which]]:
        if cell >= 0:
            if left == 0:
                return int(np.int64(cell))
            left -= 1
    return -1
