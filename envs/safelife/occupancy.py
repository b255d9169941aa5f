"""Count how often each cell of a board is of each type while the board runs on by itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.safelife import cells
from chisel.envs.safelife.physics import Board, Planes, advance, planes_of
from chisel.envs.safelife.streams import Stream

Counts = NDArray[np.int64]
Kinds = NDArray[np.int64]
"""Index of the type of each value of a cell, `[65536]`; -1 for no type."""


def occupancies(
    boards: list[Board], kinds: Kinds, stream: Stream, steps: int, *, together: bool
) -> list[Counts]:
    """Count in how many of the next steps each cell is of each type.

    A board without spawners ends in a cycle. The counts of one round are then multiplied, which
    gives the same result as counting all steps.

    Args:
        boards: Boards `[H, W]` of one shape; they are not changed.
        kinds: Index of the type of each value of a cell, `[65536]`.
        stream: Random stream of the spawners; it moves on.
        steps: Number of steps.
        together: Whether boards with spawners take turns at each step in drawing from the stream.
            Otherwise all draws of one board come before those of the next.

    Returns:
        Counts `[K, H, W]` for each board, each between 0 and `steps`.
    """
    counts = [np.zeros((kinds.max() + 1, *board.shape), np.int64) for board in boards]
    spawning = [bool((board & cells.SPAWNING).any()) for board in boards]
    running = [board.copy() for board in boards]
    for board, count, draws in zip(running, counts, spawning, strict=True):
        if not draws:
            _count_cycle(board, planes_of(board), kinds, stream, steps, count)
    drawing = [number for number, draws in enumerate(spawning) if draws]
    groups = [drawing] if together else [[number] for number in drawing]
    for group in groups:
        if group:
            stack = np.stack([running[number] for number in group])
            stacked = np.stack([counts[number] for number in group])
            _count_all(stack, planes_of(stack), kinds, stream, steps, stacked)
            for number, count in zip(group, stacked, strict=True):
                counts[number] = count
    return counts


@compiled
def advance_by(board: Board, planes: Planes, stream: Stream, steps: int) -> None:
    """Advance a board in place; stop early once it can never change again."""
    for _ in range(steps):
        draws, changes = advance(board, planes, stream)
        if draws == 0 and changes == 0:
            return


@compiled
def _add(board: Board, kinds: Kinds, weight: int, counts: Counts) -> None:
    for y in range(board.shape[0]):
        for x in range(board.shape[1]):
            kind = kinds[board[y, x]]
            if kind >= 0:
                counts[kind, y, x] += weight


@compiled
def _count_all(
    boards: Board, planes: Planes, kinds: Kinds, stream: Stream, steps: int, counts: Counts
) -> None:
    """Count boards `[N, H, W]` that draw in turn from one stream."""
    for _ in range(steps):
        for number in range(len(boards)):
            advance(boards[number], planes[number], stream)
            _add(boards[number], kinds, 1, counts[number])


@compiled
def _equal(board: Board, other: Board) -> bool:
    """Compare boards; numba takes seconds longer to compile `np.array_equal`."""
    for y in range(board.shape[0]):
        for x in range(board.shape[1]):
            if board[y, x] != other[y, x]:
                return False
    return True


@compiled
def _count_cycle(
    board: Board, planes: Planes, kinds: Kinds, stream: Stream, steps: int, counts: Counts
) -> None:
    """Count a board without spawners; find its cycle by Brent's algorithm (1980)."""
    earlier = board.copy()
    age, span = 0, 1
    for step in range(1, steps + 1):
        advance(board, planes, stream)
        _add(board, kinds, 1, counts)
        age += 1
        if _equal(board, earlier):
            whole, rest = divmod(steps - step, age)
            for number in range(age if whole else rest):
                advance(board, planes, stream)
                _add(board, kinds, whole + (number < rest), counts)
            return
        if age == span:
            earlier = board.copy()
            age, span = 0, 2 * span
