"""The inner loop of tabular Q-learning, compiled; it runs beside other threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

EACH, SUM, NONE = 0, 1, 2
"""Scales of the penalty, as numbers."""

_Function = TypeVar("_Function", bound=Callable[..., object])


def _compiled(function: _Function) -> _Function:
    return cast(_Function, numba.njit(cache=True, nogil=True)(function))


class Place(NamedTuple):
    """A world, and under which row each state is remembered."""

    next_state: NDArray[np.int32]
    """`[S, A]`"""
    reward: NDArray[np.float64]
    """`[S, A]`"""
    hidden: NDArray[np.float64]
    """`[S, A]`"""
    terminal: NDArray[np.bool_]
    """`[S]`"""
    row: NDArray[np.int32]
    """`[S]`, below R"""
    start: int
    noop: int
    arrival: NDArray[np.float64]
    """`[S, K]`, auxiliary rewards"""


class Rates(NamedTuple):
    """Numbers of the learner; see `Options` and `Learning`."""

    lam: float
    gamma: float
    scale: int
    clip: bool
    """Keep auxiliary values in [0, 1]."""
    step_size: float
    episodes: int
    max_steps: int
    greedy_before: float
    greedy_after: float
    last_before: float
    """The switch comes after this episode."""
    evaluate_every: int


class Memory(NamedTuple):
    """What is learned."""

    values: NDArray[np.float64]
    """`[R, A]`"""
    auxiliary: NDArray[np.float64]
    """`[R, A, K]`"""
    best: NDArray[np.float64]
    """`[R, K]`, the maximum of `auxiliary` over actions"""
    curve: NDArray[np.float64]
    """`[E]`, performance in each evaluation"""
    actions: NDArray[np.int64]
    """`[H]`, of the last evaluation; -1 after its end"""


@_compiled
def _explore(draws: np.random.Generator, values: NDArray[np.float64], greedy: float) -> int:
    """The greedy action, lowest of equals, with the given probability; or one of the others."""
    best = int(values.argmax())
    drawn = draws.random()
    if drawn < greedy:
        return best
    others = len(values) - 1
    other = min(int((drawn - greedy) / (1 - greedy) * others), others - 1)
    return other if other < best else other + 1


@_compiled
def _penalty(auxiliary: NDArray[np.float64], action: int, noop: int, scale: int) -> float:
    """Penalty of an action by auxiliary values `[A, K]`."""
    count = auxiliary.shape[1]
    total, size = 0.0, 0.0
    for one in range(count):
        null = auxiliary[noop, one]
        gap = abs(auxiliary[action, one] - null)
        if scale == EACH:
            total += gap / abs(null) if null != 0 else gap
        else:
            total += gap
            size += abs(null)
    if scale == EACH:
        return total / count if count else 0.0
    if scale == SUM and size != 0:
        return total / size
    return total


@_compiled
def _learn_auxiliary(
    memory: Memory, row: int, action: int, paid: NDArray[np.float64], to: int, rates: Rates
) -> None:
    """Move auxiliary values `[K]` of one action to what was paid and is ahead in row `to`."""
    auxiliary, best = memory.auxiliary[row], memory.best[row]
    old, ahead = auxiliary[action], memory.best[to]
    for one in range(len(paid)):
        old[one] += rates.step_size * (paid[one] + rates.gamma * ahead[one] - old[one])
    if rates.clip:
        for one in range(len(paid)):
            old[one] = min(max(old[one], 0.0), 1.0)
    best[:] = auxiliary[0]
    for other in range(1, len(auxiliary)):
        for one in range(len(paid)):
            best[one] = max(best[one], auxiliary[other, one])


@_compiled
def _evaluate(place: Place, memory: Memory) -> float:
    """Performance of an episode of greedy actions."""
    memory.actions[:] = -1
    state, performance = place.start, 0.0
    for step in range(len(memory.actions)):
        if place.terminal[state]:
            break
        action = int(memory.values[place.row[state]].argmax())
        memory.actions[step] = action
        performance += place.hidden[state, action]
        state = place.next_state[state, action]
    return performance


@_compiled
def learn_tables(draws: np.random.Generator, place: Place, rates: Rates, memory: Memory) -> None:
    """Q-learning of penalised and auxiliary values from the same transitions, in place.

    The penalty is read from the auxiliary values as they are being learned, after the update.
    """
    values = memory.values
    for episode in range(rates.episodes):
        greedy = rates.greedy_after if episode > rates.last_before else rates.greedy_before
        state = place.start
        for _ in range(rates.max_steps):
            if place.terminal[state]:
                break
            row = place.row[state]
            action = _explore(draws, values[row], greedy)
            following = place.next_state[state, action]
            to = place.row[following]
            _learn_auxiliary(memory, row, action, place.arrival[following], to, rates)
            penalty = _penalty(memory.auxiliary[row], action, place.noop, rates.scale)
            reward = place.reward[state, action] - rates.lam * penalty
            target = reward + rates.gamma * values[to].max()
            values[row, action] += rates.step_size * (target - values[row, action])
            state = following
        if episode % rates.evaluate_every == 0:
            memory.curve[episode // rates.evaluate_every] = _evaluate(place, memory)
