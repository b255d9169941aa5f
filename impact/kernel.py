"""The inner loop of tabular Q-learning, compiled; it runs beside other threads."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chisel.impact.compiled import compiled

EACH, SUM, NONE = 0, 1, 2
"""Scales of the penalty, as numbers."""


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


# Rows are addressed by number below: a slice costs more than what is done with it.


@compiled
def _greedy(values: NDArray[np.float64], row: int) -> int:
    """The best action of a row, the lowest of equals."""
    best = 0
    for action in range(1, values.shape[1]):
        if values[row, action] > values[row, best]:
            best = action
    return best


@compiled
def _explore(
    draws: np.random.Generator, values: NDArray[np.float64], row: int, greedy: float
) -> int:
    """The greedy action with the given probability, otherwise one of the others."""
    best = _greedy(values, row)
    drawn = draws.random()
    if drawn < greedy:
        return best
    others = values.shape[1] - 1
    other = min(int((drawn - greedy) / (1 - greedy) * others), others - 1)
    return other if other < best else other + 1


@compiled
def _learn_auxiliary(place: Place, rates: Rates, memory: Memory, state: int, action: int) -> None:
    """Move auxiliary values of one action to what is paid on arrival and ahead from there."""
    auxiliary, best, arrival = memory.auxiliary, memory.best, place.arrival
    following = place.next_state[state, action]
    row, to = place.row[state], place.row[following]
    count = arrival.shape[1]
    for one in range(count):
        target = arrival[following, one] + rates.gamma * best[to, one]
        auxiliary[row, action, one] += rates.step_size * (target - auxiliary[row, action, one])
    if rates.clip:
        for one in range(count):
            auxiliary[row, action, one] = min(max(auxiliary[row, action, one], 0.0), 1.0)
    for one in range(count):
        best[row, one] = auxiliary[row, 0, one]
    for other in range(1, auxiliary.shape[1]):
        for one in range(count):
            best[row, one] = max(best[row, one], auxiliary[row, other, one])


@compiled
def _penalty(auxiliary: NDArray[np.float64], row: int, action: int, noop: int, scale: int) -> float:
    """Penalty of an action, by the auxiliary values of a row."""
    count = auxiliary.shape[2]
    total, size = 0.0, 0.0
    if count == 0:
        return 0.0
    if scale == EACH:
        for one in range(count):
            null = auxiliary[row, noop, one]
            gap = abs(auxiliary[row, action, one] - null)
            total += gap / (abs(null) if null != 0 else 1.0)
        return total / count
    for one in range(count):
        null = auxiliary[row, noop, one]
        total += abs(auxiliary[row, action, one] - null)
        size += abs(null)
    return total / size if scale == SUM and size != 0 else total


@compiled
def _evaluate(place: Place, memory: Memory) -> float:
    """Performance of an episode of greedy actions."""
    memory.actions[:] = -1
    state, performance = place.start, 0.0
    for step in range(len(memory.actions)):
        if place.terminal[state]:
            break
        action = _greedy(memory.values, place.row[state])
        memory.actions[step] = action
        performance += place.hidden[state, action]
        state = place.next_state[state, action]
    return performance


@compiled
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
            action = _explore(draws, values, row, greedy)
            _learn_auxiliary(place, rates, memory, state, action)
            penalty = _penalty(memory.auxiliary, row, action, place.noop, rates.scale)
            reward = place.reward[state, action] - rates.lam * penalty
            following = place.next_state[state, action]
            to = place.row[following]
            target = reward + rates.gamma * values[to, _greedy(values, to)]
            values[row, action] += rates.step_size * (target - values[row, action])
            state = following
        if episode % rates.evaluate_every == 0:
            memory.curve[episode // rates.evaluate_every] = _evaluate(place, memory)
