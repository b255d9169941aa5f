"""Model-free AUP: tabular Q-learning of penalised values and of those the penalty is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chisel.impact import kernel
from chisel.impact.auxiliary import step_rewards
from chisel.impact.options import Labels, Options
from chisel.impact.worlds import World

_SCALES = {"each": kernel.EACH, "sum": kernel.SUM, "none": kernel.NONE}


@dataclass(frozen=True)
class Learned:
    """What an agent has learned.

    Attributes:
        values: Penalised action values `[S, A]`.
        auxiliary: Auxiliary action values `[K, S, A]`.
        curve: Performance in each greedy evaluation `[E]`.
        actions: Those of the last evaluation.
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
    """Learn with the penalty |Q(s, a) - Q(s, noop)|, or plainly if there are no auxiliary rewards.

    Q-learning as in the released code (`model_free_aup.py`): off-policy, from zero, one transition
    updating all tables. Without chance in the world the only randomness is the exploration.

    Args:
        world: Its tables.
        rewards: Auxiliary rewards `[K, S]`, paid on arrival; K may be 0.
        options: λ, γ, scale, keys, ends and schedule.
        generator: Draws what to try; one number for each step.
        clip: Keep auxiliary values in [0, 1]: for indicators they are then reachabilities.
    """
    step_rewards(rewards, world.next_state, world.terminal)  # only to see that they fit
    rows = labels_of(world, options.keyed_by)
    memory = _nothing_learned(world, rewards, rows, options, clip=clip)
    place = kernel.Place(
        world.next_state,
        world.reward,
        world.hidden,
        world.terminal,
        rows,
        world.start,
        world.noop,
        np.ascontiguousarray(rewards.T),
    )
    kernel.learn_tables(generator, place, _rates(options, clip=clip), memory)
    return Learned(
        memory.values[rows],
        np.ascontiguousarray(memory.auxiliary[rows].transpose(2, 0, 1)),
        memory.curve,
        tuple(int(action) for action in memory.actions if action >= 0),
    )


def labels_of(world: World, by: Labels) -> NDArray[np.int32]:
    """What tells states apart `[S]`: their boards, or themselves."""
    if by == "board":
        return np.asarray(world.board, np.int32)
    return np.arange(len(world.board), dtype=np.int32)


def _rates(options: Options, *, clip: bool) -> kernel.Rates:
    schedule = options.learning
    return kernel.Rates(
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


def _nothing_learned(
    world: World,
    rewards: NDArray[np.float64],
    rows: NDArray[np.int32],
    options: Options,
    *,
    clip: bool,
) -> kernel.Memory:
    """Zero everywhere, but for what terminal states are worth when they go on paying."""
    count, actions = int(rows.max()) + 1, world.next_state.shape[1]
    auxiliary = np.zeros((count, actions, len(rewards)))
    if options.ends == "absorbing":
        forever = rewards[:, world.terminal].T / (1 - options.gamma)
        auxiliary[rows[world.terminal]] = (np.clip(forever, 0, 1) if clip else forever)[:, None]
    return kernel.Memory(
        np.zeros((count, actions)),
        auxiliary,
        auxiliary.max(axis=1),
        np.zeros(options.learning.evaluations),
        np.full(options.horizon, -1),
    )
