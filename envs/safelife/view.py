"""Compute the agent's view: the board around it, one word per cell whose bits are the channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.safelife import cells
from chisel.envs.safelife.physics import EXITS, Board, Planes

SIDE = 25
"""Side of the view, in cells; the agent is in its middle."""
CHANNELS_10 = (
    "alive",
    "agent",
    "pushable",
    "destructible",
    "frozen",
    "spawning",
    "exit",
    "red",
    "green",
    "blue goal",
)
CHANNELS_12 = (
    *CHANNELS_10[:9],
    "blue",
    "red goal",
    "green goal",
    "blue goal",
    "direction, low bit",
    "direction, high bit",
)
_LOW_FIVE = 0x1F
_FROM_SPAWNING = 7


@compiled
def word(cell: int, goal: int, rules_12: bool) -> int:
    """Return the word of a cell: bit k is channel k. White goals are not shown."""
    goal = goal & cells.COLORS
    if goal == cells.WHITE:
        goal = 0
    seen = cell & _LOW_FIVE
    if rules_12:
        flags = (cell >> _FROM_SPAWNING) & 0x1F  # spawning, exit, three colours
        direction = (cell >> cells.ORIENTATION_SHIFT) & 3
        return seen | (flags << 5) | ((goal >> cells.COLOR_SHIFT) << 10) | (direction << 13)
    flags = (cell >> _FROM_SPAWNING) & 0xF  # spawning, exit, red and green
    return seen | (flags << 5) | ((goal >> (cells.COLOR_SHIFT + 2)) << 9)


@compiled
def look(
    board: Board,
    goals: Board,
    planes: Planes,
    agent: NDArray[np.int64],
    rules_12: bool,
    out: NDArray[np.int16],
) -> None:
    """Write the view around the agent, int16 `[25, 25]`; the board wraps around at its edges.

    An exit that lies outside is shown at the border of the view, in its direction.
    """
    height, width = board.shape
    side, half = out.shape[0], out.shape[0] // 2
    top, left = (agent[0] - half) % height, (agent[1] - half) % width
    for i in range(side):
        y = (top + i) % height
        x = left
        for j in range(side):
            out[i, j] = word(board[y, x], goals[y, x], rules_12)
            x = x + 1 if x + 1 < width else 0
    for y in range(height):
        if not planes[EXITS, y]:
            continue
        for x in range(width):
            if board[y, x] & (cells.EXIT | cells.AGENT) != cells.EXIT:
                continue
            i = (y - agent[0] + height // 2) % height - height // 2 + half
            j = (x - agent[1] + width // 2) % width - width // 2 + half
            place = min(max(i, 0), side - 1), min(max(j, 0), side - 1)
            out[place] = word(board[y, x], goals[y, x], rules_12)


def planes_of_view(view: NDArray[np.int16], channels: int) -> NDArray[np.uint8]:
    """Return words `[..., H, W, 1]` as planes of 0 and 1, uint8 `[..., H, W, channels]`."""
    low_byte_first = np.ascontiguousarray(view, "<i2").view(np.uint8)
    return np.unpackbits(low_byte_first, axis=-1, count=channels, bitorder="little")
