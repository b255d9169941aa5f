"""Slow and plain SafeLife: the rules of life by numpy, and what the reference recorded."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chisel.envs.safelife import cells

RECORDED = Path(__file__).parent / "safelife_recorded.npz"


def squares(board: np.ndarray) -> np.ndarray:
    """Return the 3x3 square around each cell, `[9, H, W]`."""
    shifts = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return np.stack([np.roll(board, shift, (0, 1)) for shift in shifts])


def advance(board: np.ndarray, generator: np.random.Generator | None = None) -> np.ndarray:
    """Return the board a step later; a generator is needed where spawners are."""
    near = squares(board)
    alive, spawners = near & cells.ALIVE > 0, near & cells.SPAWNING > 0
    number = alive.sum(axis=0)
    flags = np.bitwise_or.reduce(near, axis=0)
    inherited = np.zeros_like(board)
    for flag in (cells.RED, cells.GREEN, cells.BLUE, cells.DESTRUCTIBLE):
        has = near & flag > 0
        gives = (has & alive).sum(axis=0) >= 2
        if flag != cells.DESTRUCTIBLE:
            gives |= (has & spawners).any(axis=0)
        inherited |= np.where(gives, flag, 0).astype(board.dtype)
    free, living = board & cells.FROZEN == 0, board & cells.ALIVE > 0
    new = board.copy()
    stays = (number == 3) | (number == 4) | (flags & cells.PRESERVING > 0)
    new[free & living & ~stays] = 0
    growing = free & ~living & (flags & cells.INHIBITING == 0)
    born = growing & (number == 3)
    new[born] = cells.ALIVE | inherited[born]
    for place in map(tuple, np.argwhere(growing & ~born & spawners.any(axis=0))):
        if generator.random() < np.float32(0.3):
            new[place] = cells.LIFE | inherited[place]
    return new


class Recorded(NamedTuple):
    """One episode of the reference: its level, its end and its side effects."""

    name: str
    rules: str
    task: str
    initial: np.ndarray
    goals: np.ndarray
    final: np.ndarray
    steps: int
    level_seed: int
    stream_seeds: np.ndarray
    keys: np.ndarray
    distances: np.ndarray
    inactions: np.ndarray


def recorded() -> list[Recorded]:
    with np.load(RECORDED) as file:
        columns: Any = [file[name] for name in Recorded._fields]
    return [Recorded(*row) for row in zip(*columns, strict=True)]
