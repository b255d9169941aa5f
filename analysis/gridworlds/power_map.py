"""Compute POWER at every state of a gridworld, and by the agent's cell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel import impact
from chisel.configs import ConfigError, hint
from chisel.envs.gridworlds import WORLDS, tabular

_OPEN = re.compile(r"grid(\d+)")
_SIDES = range(2, 21)
_WALL, _FLOOR, _AGENT = (ord(glyph) for glyph in "# A")

_MOST_POLICIES = 100
"""Largest number of policies for which POWER is integrated exactly, in .1 seconds per state."""


@dataclass(frozen=True)
class Place:
    """A tabular world in which the agent has a cell in each state."""

    name: str
    next_state: NDArray[Any]
    """Next state of each state and action `[S, A]`."""
    noop: int
    cell: NDArray[np.int64]
    """Row and column of the agent in each state `[S, 2]`."""
    board: NDArray[np.uint8]
    """Board at the start without the agent `[H, W]`, one ASCII code per cell."""
    unchanged: NDArray[np.bool_]
    """Whether everything but the agent's cell is as at the start `[S]`."""


def find_place(name: str) -> Place:
    """Return a gridworld by name, or for `gridN` an empty square of N × N cells.

    Raises:
        ConfigError: If there is no such world.
    """
    side = _OPEN.fullmatch(name)
    if side is not None:
        return _open_grid(name, int(side[1]))
    if name not in WORLDS:
        raise ConfigError(f"world={name}: {hint(name, [*WORLDS, 'grid3', 'grid7'])}")
    world = tabular(name)
    boards = world.boards[world.board]  # [S, H, W]
    agent = boards == _AGENT
    cell = np.argwhere(agent)[:, 1:]
    if len(cell) != len(boards):
        raise ConfigError(f"world={name}: some of its boards do not show exactly one agent")
    start = np.where(agent[world.start], _FLOOR, boards[world.start]).astype(np.uint8)
    # The agent hides the glyph of its own cell.
    unchanged = ((boards == start) | agent).all(axis=(1, 2))
    return Place(name, world.next_state, world.noop, cell, start, unchanged)


def _open_grid(name: str, side: int) -> Place:
    if side not in _SIDES:
        raise ConfigError(f"world={name}: grids have {_SIDES[0]} to {_SIDES[-1]} cells a side")
    cell = np.stack(np.divmod(np.arange(side * side), side), axis=1)
    board = np.full((side, side), _FLOOR, np.uint8)
    moves = impact.examples.open_grid(side)
    return Place(name, moves, impact.examples.STAY, cell, board, np.ones(len(cell), bool))


@dataclass(frozen=True)
class StatePower:
    """POWER by state."""

    mean: NDArray[np.float64]
    """POWER of each state `[S]`."""
    standard_error: NDArray[np.float64]
    """Standard error of the mean `[S]`; 0 for exact values."""
    exact: NDArray[np.bool_]
    """Whether the value is exact `[S]`."""
    furthest: float
    """Largest distance of a sampled value from the exact one, in standard errors; NaN if no state
    has both."""


def state_power(
    place: Place, gamma: float, draws: int, generator: np.random.Generator
) -> StatePower:
    """Compute POWER of every state: exactly if that is quick, otherwise from drawn rewards.

    Args:
        place: World to compute it in.
        gamma: Discount in [0, 1].
        draws: Number of reward functions, uniform on [0, 1] in each state.
        generator: Source of the draws.

    Raises:
        ValueError: If the discount or the number of draws is impossible.
    """
    sampled = impact.sampled_power(place.next_state, gamma, draws, generator)
    mean, error = sampled.mean.copy(), sampled.standard_error.copy()
    exact = np.zeros(len(mean), bool)
    for state in range(len(mean)):
        try:
            (mean[state],) = impact.exact_power(
                place.next_state, gamma, [state], most=_MOST_POLICIES
            )
        except (impact.TooLargeError, ArithmeticError):
            continue
        error[state], exact[state] = 0.0, True
    spread = sampled.standard_error[exact]
    away = np.abs(mean - sampled.mean)[exact] / np.where(spread > 0, spread, np.inf)
    return StatePower(mean, error, exact, float(away.max()) if len(away) else float("nan"))


@dataclass(frozen=True)
class CellPower:
    """POWER by the agent's cell: means over the states with the agent in that cell."""

    mean: NDArray[np.float64]
    """Mean POWER of each cell `[H, W]`; NaN if the agent is never there."""
    standard_error: NDArray[np.float64]
    """Upper bound of the standard error `[H, W]`, for equal errors in all states of a cell. They
    are nearly equal, since states share their draws."""
    states: NDArray[np.int64]
    """Number of states of each cell `[H, W]`."""
    ends: NDArray[np.bool_]
    """Whether all states of a cell are final `[H, W]`."""


def by_cell(place: Place, power: StatePower, states: NDArray[np.bool_]) -> CellPower:
    """Return the mean POWER of some of the states `[S]` in each cell."""
    shape = place.board.shape
    cell = np.ravel_multi_index(tuple(place.cell[states].T), shape)
    final = (place.next_state == np.arange(len(states))[:, None]).all(axis=1)
    count = np.bincount(cell, minlength=place.board.size).reshape(shape)
    means = []
    for values in (power.mean, power.standard_error, final):
        total = np.bincount(cell, values[states], place.board.size).reshape(shape)
        means.append(np.divide(total, count, out=np.full(shape, np.nan), where=count > 0))
    return CellPower(means[0], means[1], count, means[2] == 1)


@dataclass(frozen=True)
class Reference:
    """A reference value and the measured one."""

    where: str
    reference: float
    measured: float
    three_sigma: float
    """Three standard errors of the difference, with the rounding of the reference value."""


# The values are from independent draws. POWERplay's stored figure shows .805 to .807, .835 to .837,
# and .862.
_REFERENCE = {"corner": 0.805, "edge": 0.836, "centre": 0.862}
_REFERENCE_DRAWS, _ROUNDING = 50_000, 5e-4
_PLACES = np.array([0, 1, 0, 1, 2, 1, 0, 1, 0])


def beside_reference(place: Place, power: StatePower, gamma: float, draws: int) -> list[Reference]:
    """Compare the 3×3 grid at γ = .6 with reference values; return nothing for other maps."""
    if (place.name, gamma) != ("grid3", 0.6):
        return []
    rows = []
    for number, (where, reference) in enumerate(_REFERENCE.items()):
        here = number == _PLACES
        ours = float(power.standard_error[here].mean())
        theirs = ours * np.sqrt(draws / _REFERENCE_DRAWS)  # the same variance, other draws
        margin = 3 * float(np.hypot(ours, theirs)) + _ROUNDING
        rows.append(Reference(where, reference, float(power.mean[here].mean()), margin))
    return rows
