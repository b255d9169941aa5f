"""Additions to the reward in training, equal to those of the reference's training wrappers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.envs.compiled import compiled
from chisel.envs.safelife.games import Games
from chisel.envs.safelife.scoring import departures

_PERIOD = 4
"""Steps over which the agent's speed is measured."""
_POWER = 0.01


Schedule = Callable[[int], float]
"""Function from the environment steps so far to a number."""


def ramp(start: float, end: float, start_frame: int, end_frame: int, frames: int) -> float:
    """Return a number that changes linearly from `start` to `end` between two frames.

    Args:
        start: Number up to `start_frame`.
        end: Number from `end_frame` on.
        start_frame: Frame at which the change begins.
        end_frame: Frame at which it ends.
        frames: Environment steps so far.
    """
    if end_frame <= start_frame:
        return end
    done = (frames - start_frame) / (end_frame - start_frame)
    return start + (end - start) * min(max(done, 0.0), 1.0)


class Shaping:
    """Adds to rewards: a cost of standing still, a bonus for leaving, a penalty on side effects.

    Standing still costs `movement_bonus * (1 - speed ** 0.01)`, where speed is the Manhattan
    distance to where the agent was 4 steps ago, over 4. Coordinates are not unwrapped, and before
    an episode's start the agent counts as moving. Leaving in time pays `exit_bonus` times the
    episode's reward. The penalty is on the growth of `scoring.departures`.

    Args:
        num: Number of games.
        movement_bonus: Weight of the cost of standing still; with 0 there is none.
        exit_bonus: Weight of the bonus for leaving; with 0 there is none.
        penalty: Weight of the penalty on side effects, by environment steps; with None there is
            none.
    """

    def __init__(
        self,
        num: int,
        *,
        movement_bonus: float = 0.0,
        exit_bonus: float = 0.0,
        penalty: Schedule | None = None,
    ) -> None:
        self._movement_bonus, self._exit_bonus, self._penalty = movement_bonus, exit_bonus, penalty
        self._past = np.zeros((num, _PERIOD, 2), np.int64)
        self._effects = np.zeros(num, np.int64)

    def begin(self, row: int, games: Games) -> None:
        """Begin an episode of one game."""
        self._past[row] = games.agent[row, :2]
        self._effects[row] = 0

    def extra(
        self, games: Games, in_time: NDArray[np.bool_], returns: NDArray[np.float64], frames: int
    ) -> NDArray[np.float64]:
        """Return the additions to the rewards of a step, `[N]`.

        Args:
            games: The games after the step.
            in_time: Whether each game is still within the time limit, bool `[N]`.
            returns: Sums of the episodes' rewards without additions, `[N]`.
            frames: Environment steps so far, by which the weight of the penalty is chosen.
        """
        added = np.zeros(len(returns))
        if self._movement_bonus:
            added += self._movement_bonus * (self._speed(games) ** _POWER - 1)
        if self._exit_bonus:
            added += np.where(games.exited & in_time, self._exit_bonus * returns, 0.0)
        if self._penalty:
            grown = _departures(games) - self._effects
            self._effects += grown
            added -= self._penalty(frames) * grown
        return added

    def _speed(self, games: Games) -> NDArray[np.float64]:
        rows, slots = np.arange(len(self._past)), games.length % _PERIOD
        here = games.agent[:, :2]
        distance = np.abs(here - self._past[rows, slots]).sum(axis=1)
        before_start = np.maximum(_PERIOD - games.length, 0)
        self._past[rows, slots] = here
        return np.asarray((distance + before_start) / _PERIOD)

    def get_state(self) -> dict[str, Any]:
        """Return the positions and side effects so far, in plain values."""
        return {"past": self._past.tolist(), "effects": self._effects.tolist()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue where `get_state` was called."""
        self._past[:] = state["past"]
        self._effects[:] = state["effects"]


@compiled
def _departures(games: Games) -> NDArray[np.int64]:
    found = np.empty(len(games.board), np.int64)
    for row in range(len(found)):
        found[row] = departures(games.board[row], games.start[row], games.goals[row])
    return found
