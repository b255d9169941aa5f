"""The agents of the AUP paper's ablation, on a world's tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chisel.impact.auxiliary import indicator_rewards, random_rewards, step_rewards
from chisel.impact.episodes import Episode, follow, replay
from chisel.impact.learning import labels_of, learn
from chisel.impact.lookahead import Lookahead
from chisel.impact.options import Options
from chisel.impact.penalty import Baseline, Deviation, Penalty, step_penalty
from chisel.impact.planning import best_plan, penalties
from chisel.impact.values import optimal_q, reachability
from chisel.impact.worlds import World

Auxiliary = Literal["none", "random", "indicators"]


@dataclass(frozen=True)
class Agent:
    """One column of the ablation.

    Attributes:
        name: As in the paper.
        auxiliary: Its auxiliary rewards. Indicators are clipped: what counts is what is reachable.
        plans: It plans to the horizon; otherwise it acts greedily by penalised values.
        baseline: Of the plan's penalty.
        deviation: Of the plan's penalty.
    """

    name: str
    auxiliary: Auxiliary = "random"
    plans: bool = True
    baseline: Baseline = "stepwise"
    deviation: Deviation = "absolute"


AUP = Agent("AUP")
STANDARD = Agent("Standard", auxiliary="none", plans=False)
MODEL_FREE = Agent("Model-free AUP", plans=False)
AGENTS = (
    AUP,
    STANDARD,
    MODEL_FREE,
    Agent("Starting state", baseline="start"),
    Agent("Inaction", baseline="inaction"),
    Agent("Decrease", deviation="decrease"),
    Agent("Relative reachability", "indicators", baseline="inaction", deviation="decrease"),
)
"""The seven of the paper, in the order of its table."""


@dataclass(frozen=True)
class Played:
    """What one agent did in one trial, and its performance while it learned `[E]`, if it did."""

    episode: Episode
    curve: NDArray[np.float64]


@dataclass(frozen=True)
class _Known:
    """Auxiliary values, and the greedy agent that came with them."""

    q: NDArray[np.float64]
    """`[K, S, A]`"""
    greedy: Played


def play(
    world: World,
    nodes: Lookahead,
    agents: tuple[Agent, ...],
    options: Options,
    generator: np.random.Generator,
) -> list[Played]:
    """One trial of each agent. Those that share auxiliary rewards share their values.

    Args:
        world: Its tables.
        nodes: What plans look ahead at.
        agents: Which.
        options: What they have in common.
        generator: Draws the rewards and the exploration; an agent's outcome does not depend on
            which others are asked for.
    """
    kinds: tuple[Auxiliary, ...] = ("none", "random", "indicators")
    streams = dict(zip(kinds, generator.spawn(len(kinds)), strict=True))
    known = {
        kind: _know(world, kind, options, streams[kind])
        for kind in kinds
        if any(agent.auxiliary == kind for agent in agents)
    }
    nothing = np.full(0, np.nan)
    return [
        Played(_planned(world, nodes, known[agent.auxiliary].q, agent, options), nothing)
        if agent.plans
        else known[agent.auxiliary].greedy
        for agent in agents
    ]


def _know(
    world: World, kind: Auxiliary, options: Options, generator: np.random.Generator
) -> _Known:
    rewards = _rewards(world, kind, options, generator)
    clip = kind == "indicators"
    if options.tables == "learned":
        learned = learn(world, rewards, options, generator, clip=clip)
        return _Known(learned.auxiliary, Played(replay(world, learned.actions), learned.curve))
    paid = step_rewards(rewards, world.next_state, world.terminal, options.ends)
    solve = reachability if clip else optimal_q
    q = solve(world.next_state, paid, options.gamma)
    episode = follow(world, exact_policy(world, q, options), options.horizon)
    return _Known(q, Played(episode, np.full(0, np.nan)))


def exact_policy(world: World, q: NDArray[np.float64], options: Options) -> NDArray[np.intp]:
    """What model-free AUP `[S]` would learn in the end: the optimum of R - λ penalty.

    Args:
        world: Its tables.
        q: Auxiliary action values `[K, S, A]`, of which the penalty compares those of acting with
            those of doing nothing.
        options: λ, γ and scale.
    """
    penalty = step_penalty(q, world.noop, scale=options.scale)
    paid = np.where(world.terminal[:, None], 0, world.reward - options.lam * penalty)
    values = optimal_q(world.next_state, paid[None], options.gamma)[0]
    # Equal but for rounding is equal: the lowest action, as in the planner.
    near = values >= values.max(axis=-1, keepdims=True) - 1e-9
    return np.asarray(near.argmax(axis=-1))


def _rewards(
    world: World, kind: Auxiliary, options: Options, generator: np.random.Generator
) -> NDArray[np.float64]:
    labels = labels_of(world, options.rewards_by)
    if kind == "indicators":
        return indicator_rewards(labels)
    return random_rewards(options.n_rewards if kind == "random" else 0, labels, generator)


def _planned(
    world: World, nodes: Lookahead, q: NDArray[np.float64], agent: Agent, options: Options
) -> Episode:
    form = Penalty(agent.baseline, agent.deviation, options.scale, options.null, options.rollouts)
    lam = options.reachability_lam if agent.auxiliary == "indicators" else options.lam
    plan, _ = best_plan(world, nodes, penalties(world, nodes, q, form), lam, options.gamma)
    return replay(world, plan)
