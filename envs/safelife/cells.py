"""Bit flags of SafeLife's cells, and the types of cells that they make.

A board is an array `[H, W]` of uint16, one number for each cell. The flags and values are those of
SafeLife 1.0.1; those that only 1.2 has are marked.
"""

from __future__ import annotations

ALIVE = 1 << 0
AGENT = 1 << 1
PUSHABLE = 1 << 2
DESTRUCTIBLE = 1 << 3
FROZEN = 1 << 4
"""The cell never changes by the rules of life; if it is alive, it counts as a neighbour."""
PRESERVING = 1 << 5
"""Living cells beside it survive."""
INHIBITING = 1 << 6
"""No cell is born beside it."""
SPAWNING = 1 << 7
"""Cells beside it are born at random."""
EXIT = 1 << 8
RED = 1 << 9
GREEN = 1 << 10
BLUE = 1 << 11
ORIENTATION_SHIFT = 12
"""First of two bits with the direction of the agent, in 1.2 only."""
PULLABLE = 1 << 15

COLOR_SHIFT = 9
COLORS = RED | GREEN | BLUE
COLOR_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
"""Names of the eight colours, by `(cell & COLORS) >> COLOR_SHIFT`."""
WHITE = RED | GREEN | BLUE
YELLOW = RED | GREEN

FREEZING = PRESERVING | INHIBITING
MOVABLE = PUSHABLE | PULLABLE

EMPTY = 0
LIFE = ALIVE | DESTRUCTIBLE
WALL = FROZEN
CRATE = FROZEN | MOVABLE
TREE = FROZEN | ALIVE
PLANT = FROZEN | ALIVE | MOVABLE
WEED = PRESERVING | ALIVE | PUSHABLE | FROZEN
PARASITE = INHIBITING | ALIVE | PUSHABLE | FROZEN
ICE_CUBE = FROZEN | FREEZING | MOVABLE
FOUNTAIN = PRESERVING | FROZEN
SPAWNER = FROZEN | SPAWNING | DESTRUCTIBLE
CLOSED_EXIT = FROZEN | EXIT
OPEN_EXIT = CLOSED_EXIT | RED
PLAYER = AGENT | FREEZING | FROZEN | DESTRUCTIBLE
"""The agent in 1.0; in 1.2 it is not destructible."""
