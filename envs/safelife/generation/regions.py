"""Fill a region of a board with layers of fences, spawners, and patterns of life or of goals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from chisel.envs.compiled import compiled
from chisel.envs.safelife import cells
from chisel.envs.safelife.generation.draws import Bits, coins, integer
from chisel.envs.safelife.generation.fences import fence
from chisel.envs.safelife.generation.patterns import Mask, Pattern, grow
from chisel.envs.safelife.physics import Board

Color = Literal["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"]


@dataclass(frozen=True)
class Layer:
    """Parts that are added to a region, in the order of the fields."""

    color: Color
    """Colour of life, trees, spawners and goals."""
    fences: float = 0.0
    """Share that is built of the walls that would keep life inside."""
    spawners: float = 0.0
    """Share of the inner cells that are spawners; at least one is."""
    pattern: Pattern | None = None
    """A still life, together with which the parts of earlier layers are still too."""
    movable_walls: float = 0.0
    """Share of the layer's walls that are crates, which can be moved."""
    buffer_zone: int = 0
    """Distance from life, in cells, within which later layers add nothing."""
    goals: bool = False
    """Whether living cells become goals; walls are put on the board in any case."""


def populate(bits: Bits, region: Mask, layers: tuple[Layer, ...]) -> tuple[Board, Board]:
    """Return board and goals `[H, W]` of a region; both are empty outside of it.

    The living cells of board and goals together are one still life.

    Args:
        bits: Source of draws.
        region: Cells of the region, bool `[H, W]`.
        layers: Layers, in the order in which they are added.
    """
    checked = spread(region, 1)
    free, seeds = region.copy(), checked
    board = np.zeros(region.shape, np.uint16)
    on_board, in_goals, wanted = (np.zeros(region.shape, np.bool_) for _ in range(3))
    for layer in layers:
        before = board.copy()
        color = np.uint16(cells.COLOR_NAMES.index(layer.color) << cells.COLOR_SHIFT)
        _enclose(bits, board, free, layer, color)
        if layer.pattern:
            board = grow(bits, board, free, checked, seeds, layer.pattern)
            free &= board == cells.EMPTY
            board[(board != before) & _alive(board)] |= color
            seeds = _alive(board) & region
        new = board != before
        if layer.movable_walls:
            crates = coins(bits, board, layer.movable_walls) & new & (board == cells.WALL)
            board[crates] = cells.CRATE
        free &= ~spread(_alive(board), layer.buffer_zone)
        in_goals |= new
        if layer.goals:
            wanted |= new
            on_board |= new & ~_alive(board)
        else:
            on_board |= new
    goals = board & ~np.uint16(cells.SPAWNING)
    goals[~wanted] &= ~np.uint16(cells.COLORS)
    return board * on_board, goals * in_goals


@compiled
def spread(mask: Mask, distance: int) -> Mask:
    """Return the cells `[H, W]` that have a cell of the mask in the square of that radius."""
    height, width = mask.shape
    wide = np.zeros((height, width), np.bool_)
    for y in range(height):
        for x in range(width):
            if mask[y, x]:
                for dy in range(-distance, distance + 1):
                    for dx in range(-distance, distance + 1):
                        wide[(y + dy) % height, (x + dx) % width] = True
    return wide


def _alive(board: Board) -> Mask:
    alive: Mask = board & cells.ALIVE > 0
    return alive


def _enclose(bits: Bits, board: Board, free: Mask, layer: Layer, color: np.uint16) -> None:
    """Add fences and spawners, in place."""
    inner = ~spread(~free, 1)
    if layer.fences:
        walls = fence(bits, free)
        walls &= coins(bits, board, layer.fences)
        free &= ~walls
        board[walls] = cells.WALL
    if layer.spawners:
        chosen = inner & coins(bits, board, layer.spawners)
        if inner.any() and not chosen.any():
            places = np.argwhere(inner)
            chosen[tuple(places[integer(bits, len(places))])] = True
        free &= ~chosen
        board[chosen] = cells.SPAWNER | color
