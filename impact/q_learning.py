"""Model-free AUP: tabular Q-learning of penalised and of auxiliary values.

The inner loop is compiled and runs beside other threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chisel.impact.auxiliary import step_rewards
from chisel.impact.compiled import compiled
from chisel.impact.options import Labels, Options
from chisel.impact.worlds import World

EACH, SUM, NONE = 0, 1, 2
"""Scales of the penalty, as numbers for compiled code."""
_SCALES = {"each": EACH, "sum": SUM, "none": NONE}


class Tables(NamedTuple):
    """The tables of a world, and the row in which each state's values are stored."""

    next_state: NDArray[np.int32]
    """State after each action, `[S, A]`."""
    reward: NDArray[np.float64]
    """Observed reward, `[S, A]`."""
    hidden: NDArray[np.float64]
    """Hidden reward, `[S, A]`."""
    terminal: NDArray[np.bool_]
    """Whether episodes end in a state, `[S]`."""
    row: NDArray[np.int32]
    """Row in which a state's values are stored, `[S]`; below R, the number of rows."""
    start: int
    noop: int
    arrival: NDArray[np.float64]
    """Auxiliary rewards, paid on arrival, `[S, K]`."""


class Settings(NamedTuple):
    """Options of the learner as numbers; see `Options` and `Learning`."""

    lam: float
    gamma: float
    scale: int
    clip: bool
    """Whether auxiliary values are clipped to [0, 1]."""
    step_size: float
    episodes: int
    max_steps: int
    greedy_before: float
    greedy_after: float
    last_before: float
    """Last episode before the switch of exploration."""
    evaluate_every: int


class Values(NamedTuple):
    """Learned values, and the results of evaluations."""

    values: NDArray[np.float64]
    """Penalised action values, `[R, A]`."""
    auxiliary: NDArray[np.float64]
    """Auxiliary action values, `[R, A, K]`."""
    best: NDArray[np.float64]
    """Maximum of `auxiliary` over actions, `[R, K]`."""
    curve: NDArray[np.float64]
    """Performance in each evaluation, `[E]`."""
    actions: NDArray[np.int64]
    """Actions of the last evaluation, `[H]`; -1 after its end."""


# Compiled functions index rows by number, because making a slice takes longer than using it.


@compiled
def _greedy(values: NDArray[np.float64], row: int) -> int:
    """Return the best action of a row, the lowest of equals."""
    best = 0
    for action in range(1, values.shape[1]):
        if values[row, action] > values[row, best]:
            best = action
    return best


@compiled
def _explore(
    generator: np.random.Generator, values: NDArray[np.float64], row: int, greedy: float
) -> int:
    """Draw the greedy action with the given probability, otherwise one of the others."""
    best = _greedy(values, row)
    drawn = generator.random()
    if drawn < greedy:
        return best
    others = values.shape[1] - 1
    other = min(int((drawn - greedy) / (1 - greedy) * others), others - 1)
    return other if other < best else other + 1


@compiled
def _learn_auxiliary(
    tables: Tables, settings: Settings, learned: Values, state: int, action: int
) -> None:
    """Move auxiliary values of one action towards the reward on arrival plus the values there."""
    auxiliary, best, arrival = learned.auxiliary, learned.best, tables.arrival
    following = tables.next_state[state, action]
    row, to = tables.row[state], tables.row[following]
    count = arrival.shape[1]
    for one in range(count):
        target = arrival[following, one] + settings.gamma * best[to, one]
        auxiliary[row, action, one] += settings.step_size * (target - auxiliary[row, action, one])
    if settings.clip:
        for one in range(count):
            auxiliary[row, action, one] = min(max(auxiliary[row, action, one], 0.0), 1.0)
    for one in range(count):
        best[row, one] = auxiliary[row, 0, one]
    for other in range(1, auxiliary.shape[1]):
        for one in range(count):
            best[row, one] = max(best[row, one], auxiliary[row, other, one])


@compiled
def _penalty(auxiliary: NDArray[np.float64], row: int, action: int, noop: int, scale: int) -> float:
    """Compute the penalty of an action from the auxiliary values of a row; see `impact_of`."""
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
def _evaluate(tables: Tables, learned: Values) -> float:
    """Play an episode of greedy actions; return its performance."""
    learned.actions[:] = -1
    state, performance = tables.start, 0.0
    for step in range(len(learned.actions)):
        if tables.terminal[state]:
            break
        action = _greedy(learned.values, tables.row[state])
        learned.actions[step] = action
        performance += tables.hidden[state, action]
        state = tables.next_state[state, action]
    return performance


@compiled
def _learn_values(
    generator: np.random.Generator, tables: Tables, settings: Settings, learned: Values
) -> None:
    """Learn penalised and auxiliary values from the same transitions, in place.

    The penalty is computed from the auxiliary values right after their update.
    """
    values = learned.values
    for episode in range(settings.episodes):
        greedy = settings.greedy_after if episode > settings.last_before else settings.greedy_before
        state = tables.start
        for _ in range(settings.max_steps):
            if tables.terminal[state]:
                break
            row = tables.row[state]
            action = _explore(generator, values, row, greedy)
            _learn_auxiliary(tables, settings, learned, state, action)
            penalty = _penalty(learned.auxiliary, row, action, tables.noop, settings.scale)
            reward = tables.reward[state, action] - settings.lam * penalty
            following = tables.next_state[state, action]
            to = tables.row[following]
            target = reward + settings.gamma * values[to, _greedy(values, to)]
            values[row, action] += settings.step_size * (target - values[row, action])
            state = following
        if episode % settings.evaluate_every == 0:
            learned.curve[episode // settings.evaluate_every] = _evaluate(tables, learned)


@dataclass(frozen=True)
class Learned:
    """Results of Q-learning.

    Attributes:
        values: Penalised action values `[S, A]`.
        auxiliary: Auxiliary action values `[K, S, A]`.
        curve: Performance in each greedy evaluation `[E]`.
        actions: Actions of the last evaluation, up to its end.
    """

    values: NDArray[np.float64]
    auxiliary: NDArray[np.float64]
    curve: NDArray[np.float64]
    actions: tuple[int, ...]


def learn(
    world: World,
    rewards: NDArray[np.float64],
    options: Options,
    generator: np.random.Generator,
    *,
    clip: bool = False,
) -> Learned:
    """Learn with the penalty |Q(s, a) - Q(s, noop)|; without auxiliary rewards there is none.

    This is Q-learning as in the released code (`model_free_aup.py`): it is off-policy, values begin
    at zero, and each transition updates all tables. In a deterministic world only exploration is
    random.

    Args:
        world: Tables of the world.
        rewards: Auxiliary rewards `[K, S]`, paid on arrival; K may be 0.
        options: λ, γ, scale, keys, ends and schedule.
        generator: Source of exploration; one number is drawn in each step.
        clip: Whether auxiliary values are clipped to [0, 1], so that those of indicators are
            reachabilities.
    """
    step_rewards(rewards, world.next_state, world.terminal)  # checks the rewards
    rows = labels_of(world, options.keyed_by)
    learned = _initial_values(world, rewards, rows, options, clip=clip)
    tables = Tables(
        world.next_state,
        world.reward,
        world.hidden,
        world.terminal,
        rows,
        world.start,
        world.noop,
        np.ascontiguousarray(rewards.T),
    )
    _learn_values(generator, tables, _settings(options, clip=clip), learned)
    return Learned(
        learned.values[rows],
        np.ascontiguousarray(learned.auxiliary[rows].transpose(2, 0, 1)),
        learned.curve,
        tuple(int(action) for action in learned.actions if action >= 0),
    )


def labels_of(world: World, by: Labels) -> NDArray[np.int32]:
    """Return a label for each state `[S]`: its board, or its own number."""
    if by == "board":
        return np.asarray(world.board, np.int32)
    return np.arange(len(world.board), dtype=np.int32)


def _settings(options: Options, *, clip: bool) -> Settings:
    schedule = options.learning
    return Settings(
        options.lam,
        options.gamma,
        _SCALES[options.scale],
        clip,
        schedule.step_size,
        schedule.episodes,
        schedule.max_steps,
        *schedule.greedy,
        schedule.switch * schedule.episodes,
        schedule.evaluate_every,
    )


def _initial_values(
    world: World,
    rewards: NDArray[np.float64],
    rows: NDArray[np.int32],
    options: Options,
    *,
    clip: bool,
) -> Values:
    """Make values that are zero, except those of terminal states that pay in every step."""
    count, actions = int(rows.max()) + 1, world.next_state.shape[1]
    auxiliary = np.zeros((count, actions, len(rewards)))
    if options.ends == "absorbing":
        forever = rewards[:, world.terminal].T / (1 - options.gamma)
        auxiliary[rows[world.terminal]] = (np.clip(forever, 0, 1) if clip else forever)[:, None]
    return Values(
        np.zeros((count, actions)),
        auxiliary,
        auxiliary.max(axis=1),
        np.zeros(options.learning.evaluations),
        np.full(options.horizon, -1),
    )
