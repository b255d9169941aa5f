"""Carry out the agent's actions on a board: move, push, pull, toggle, and in 1.2 shove."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.safelife import cells
from chisel.envs.safelife.physics import Board, Planes, put

ACTIONS = (
    "nothing",
    "move up",
    "move right",
    "move down",
    "move left",
    "toggle up",
    "toggle right",
    "toggle down",
    "toggle left",
)
NOOP = 0
_DY, _DX = (-1, 0, 1, 0), (0, 1, 0, -1)
_FIRST_TOGGLE = 5
ORIENTATION = 3 << cells.ORIENTATION_SHIFT


@compiled
def act(
    board: Board,
    planes: Planes,
    agent: NDArray[np.int64],
    action: int,
    rules_12: bool,
    can_exit: bool,
) -> bool:
    """Carry out one action, in place.

    Args:
        board: Cells `[H, W]`.
        planes: Planes of the board, uint64 `[6, H]`; see `physics`.
        agent: Row, column and direction of the agent (0 up, 1 right, 2 down, 3 left), int64 `[3]`.
        action: 0 does nothing; 1 to 4 move, 5 to 8 toggle, each up, right, down or left.
        rules_12: Whether the rules are those of 1.2, not of 1.0.
        can_exit: Whether the exit is open.

    Returns:
        Whether the agent left through the exit.
    """
    if action == NOOP:
        return False
    height, width = board.shape
    direction = (action - 1) & 3
    dy, dx = _DY[direction], _DX[direction]
    y, x = agent[0], agent[1]
    agent[2] = direction
    if rules_12:
        turned = (board[y, x] & ~ORIENTATION) | (direction << cells.ORIENTATION_SHIFT)
        put(board, planes, y, x, turned)
    y1, x1 = (y + dy) % height, (x + dx) % width
    y2, x2 = (y1 + dy) % height, (x1 + dx) % width
    target = board[y1, x1]
    if action >= _FIRST_TOGGLE:
        _toggle(board, planes, y1, x1, y2, x2, board[y, x] & cells.COLORS, rules_12)
        return False
    is_exit, pushable = can_exit and target & cells.EXIT != 0, target & cells.PUSHABLE != 0
    if target == cells.EMPTY:
        _walk(board, planes, agent, y1, x1)
    elif is_exit and not (rules_12 and pushable):
        if rules_12:  # the agent stands on the exit now, and is no longer on the board
            agent[0], agent[1] = y1, x1
            _pull(board, planes, y, x, direction)
        return True
    elif pushable and _push(board, planes, y1, x1, y2, x2):
        _walk(board, planes, agent, y1, x1)
    return False


@compiled
def _push(board: Board, planes: Planes, y1: int, x1: int, y2: int, x2: int) -> bool:
    """Push a block if the cell behind it is empty or an exit; return whether it moved.

    The block vanishes in an exit, even in a closed one.
    """
    beyond = board[y2, x2]
    if beyond != cells.EMPTY and not beyond & cells.EXIT:
        return False
    if beyond == cells.EMPTY:
        put(board, planes, y2, x2, board[y1, x1])
    put(board, planes, y1, x1, cells.EMPTY)
    return True


@compiled
def _walk(board: Board, planes: Planes, agent: NDArray[np.int64], y1: int, x1: int) -> None:
    y, x = agent[0], agent[1]
    put(board, planes, y1, x1, board[y, x])
    _pull(board, planes, y, x, agent[2])
    agent[0], agent[1] = y1, x1


@compiled
def _pull(board: Board, planes: Planes, y: int, x: int, direction: int) -> None:
    """Fill the cell that the agent left with the cell behind it, if that can be pulled."""
    height, width = board.shape
    back_y, back_x = (y - _DY[direction]) % height, (x - _DX[direction]) % width
    behind = board[back_y, back_x]
    if behind & cells.PULLABLE:
        put(board, planes, y, x, behind)
        put(board, planes, back_y, back_x, cells.EMPTY)
    else:
        put(board, planes, y, x, cells.EMPTY)


@compiled
def _toggle(
    board: Board,
    planes: Planes,
    y1: int,
    x1: int,
    y2: int,
    x2: int,
    color: int,
    rules_12: bool,
) -> None:
    """Make life in an empty cell, or empty a destructible one; in 1.2 also shove blocks."""
    target = board[y1, x1]
    if target == cells.EMPTY:
        put(board, planes, y1, x1, cells.LIFE | color)
    elif target & cells.DESTRUCTIBLE:
        put(board, planes, y1, x1, cells.EMPTY)
    elif rules_12 and target & cells.PUSHABLE:
        _push(board, planes, y1, x1, y2, x2)
