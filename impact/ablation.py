"""The ablation of the AUP paper: its agents, and many trials of each at one or several settings."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chisel.impact.auxiliary import (
    indicator_rewards,
    optimal_actions,
    optimal_q,
    random_rewards,
    reachability,
    step_rewards,
)
from chisel.impact.options import Options
from chisel.impact.penalty import Baseline, Deviation, Penalty, step_penalty
from chisel.impact.planning import Lookahead, best_plan, lookahead, penalties
from chisel.impact.q_learning import labels_of, learn
from chisel.impact.worlds import Episode, World, check_world, follow, replay

Auxiliary = Literal["none", "random", "indicators"]


@dataclass(frozen=True)
class Agent:
    """An agent of the ablation.

    Attributes:
        name: Name of the agent in the paper.
        auxiliary: Its auxiliary rewards. The values of indicators are clipped to [0, 1], so that
            they are reachabilities.
        plans: Whether it plans to the horizon; otherwise it acts greedily by penalised values.
        baseline: Baseline of the plan's penalty; see `Penalty`.
        deviation: Deviation of the plan's penalty; see `impact_of`.
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
"""The seven agents of the paper, in the order of its table."""


@dataclass(frozen=True)
class Played:
    """One agent's episode in one trial."""

    episode: Episode
    curve: NDArray[np.float64]
    """Performance `[E]` in each evaluation while it learned; empty if it did not learn."""


@dataclass(frozen=True)
class _Trained:
    """Auxiliary values, and the greedy agent that was trained or solved together with them."""

    q: NDArray[np.float64]
    """Auxiliary action values `[K, S, A]`."""
    greedy: Played
    """Outcome of the greedy agent."""


def play(
    world: World,
    nodes: Lookahead,
    agents: tuple[Agent, ...],
    options: Options,
    generator: np.random.Generator,
) -> list[Played]:
    """Run one trial of each agent. Agents with the same auxiliary rewards share their values.

    Args:
        world: Tables of the world.
        nodes: Search nodes of the planners; see `lookahead`.
        agents: Agents to run.
        options: Options of all agents.
        generator: Draws rewards and exploration. An agent's outcome does not depend on which other
            agents are run.
    """
    kinds: tuple[Auxiliary, ...] = ("none", "random", "indicators")
    streams = dict(zip(kinds, generator.spawn(len(kinds)), strict=True))
    trained = {
        kind: _train(world, kind, options, streams[kind])
        for kind in kinds
        if any(agent.auxiliary == kind for agent in agents)
    }
    no_curve = np.full(0, np.nan)
    return [
        Played(_planned(world, nodes, trained[agent.auxiliary].q, agent, options), no_curve)
        if agent.plans
        else trained[agent.auxiliary].greedy
        for agent in agents
    ]


def _train(
    world: World, kind: Auxiliary, options: Options, generator: np.random.Generator
) -> _Trained:
    clip, labels = kind == "indicators", labels_of(world, options.rewards_by)
    drawn = options.n_rewards if kind == "random" else 0
    rewards = indicator_rewards(labels) if clip else random_rewards(drawn, labels, generator)
    if options.tables == "learned":
        learned = learn(world, rewards, options, generator, clip=clip)
        return _Trained(learned.auxiliary, Played(replay(world, learned.actions), learned.curve))
    paid = step_rewards(rewards, world.next_state, world.terminal, options.ends)
    solve = reachability if clip else optimal_q
    q = solve(world.next_state, paid, options.gamma)
    episode = follow(world, exact_policy(world, q, options), options.horizon)
    return _Trained(q, Played(episode, np.full(0, np.nan)))


def exact_policy(world: World, q: NDArray[np.float64], options: Options) -> NDArray[np.intp]:
    """Compute the policy `[S]` that model-free AUP converges to: the optimum of R - λ penalty.

    Args:
        world: Tables of the world.
        q: Auxiliary action values `[K, S, A]`.
        options: λ, γ and scale.
    """
    penalty = step_penalty(q, world.noop, scale=options.scale)
    paid = np.where(world.terminal[:, None], 0, world.reward - options.lam * penalty)
    return optimal_actions(world.next_state, paid, options.gamma)  # the lowest, as in the planner


def _planned(
    world: World, nodes: Lookahead, q: NDArray[np.float64], agent: Agent, options: Options
) -> Episode:
    form = Penalty(agent.baseline, agent.deviation, options.scale, options.null, options.rollouts)
    lam = options.reachability_lam if agent.auxiliary == "indicators" else options.lam
    plan, _ = best_plan(world, nodes, penalties(world, nodes, q, form), lam, options.gamma)
    return replay(world, plan)


@dataclass(frozen=True)
class Outcomes:
    """Outcomes of N trials of each of G agents.

    Attributes:
        agents: Names of the agents.
        performance: Hidden return `[G, N]` of the last episode.
        reward: Observed return `[G, N]` of that episode.
        actions: Actions `[G, N, H]` of that episode, -1 after its end.
        curves: Performance `[G, N, E]` in each evaluation while learning; nan for planners.
    """

    agents: tuple[str, ...]
    performance: NDArray[np.float64]
    reward: NDArray[np.float64]
    actions: NDArray[np.int64]
    curves: NDArray[np.float64]


@dataclass(frozen=True)
class Sweep:
    """Outcomes at each value of an option.

    Attributes:
        option: Name of the field of `Options`.
        values: Values of that option.
        outcomes: Outcomes at each of the values, in their order.
    """

    option: str
    values: tuple[Any, ...]
    outcomes: tuple[Outcomes, ...]


def ablate(
    world: World,
    options: Options,
    generators: Sequence[np.random.Generator],
    agents: Sequence[Agent] = AGENTS,
    *,
    threads: int = 1,
) -> Outcomes:
    """Run one trial of every agent for each generator, each with new auxiliary rewards.

    The ablation of Turner et al. (2020), section 4, which ran one trial.

    Args:
        world: Tables of the world.
        options: A preset, or one changed by `dataclasses.replace`.
        generators: One for each of N trials; they are advanced.
        agents: Agents to run.
        threads: Number of trials at a time; outcomes do not depend on it.

    Raises:
        ValueError: If the world's tables do not fit together.
    """
    check_world(world)
    nodes = lookahead(world, labels_of(world, options.keyed_by), options.horizon)
    chosen = tuple(agents)
    with ThreadPoolExecutor(threads) as pool:
        trials = list(
            pool.map(lambda draws: play(world, nodes, chosen, options, draws), generators)
        )
    return _stacked(chosen, trials, options)


def sweep(
    world: World,
    options: Options,
    option: str,
    values: Sequence[Any],
    generators: Sequence[np.random.Generator],
    agents: Sequence[Agent] = (MODEL_FREE,),
    *,
    threads: int = 1,
) -> Sweep:
    """Run the ablation at each value of an option (Turner et al. 2020, figure 4).

    Args:
        world: Tables of the world.
        options: Values of all other options.
        option: A field of `Options`: "lam", "gamma" and "n_rewards" in the paper.
        values: Values of that option.
        generators: One for each trial at a value; they are advanced.
        agents: Agents to run.
        threads: Number of trials at a time.

    Raises:
        ValueError: If there is no such option, or a value it cannot have.
    """
    if option not in {one.name for one in fields(Options)}:
        raise ValueError(
            f"option = {option!r}: options are {', '.join(f.name for f in fields(Options))}"
        )
    settings = [replace(options, **{option: value}) for value in values]
    return Sweep(
        option,
        tuple(values),
        tuple(ablate(world, one, generators, agents, threads=threads) for one in settings),
    )


def _stacked(agents: tuple[Agent, ...], trials: list[list[Played]], options: Options) -> Outcomes:
    shape = (len(agents), len(trials))
    performance, reward = np.empty(shape), np.empty(shape)
    actions = np.full((*shape, options.horizon), -1)
    curves = np.full((*shape, options.learning.evaluations), np.nan)
    for trial, played in enumerate(trials):
        for number, one in enumerate(played):
            performance[number, trial] = one.episode.performance
            reward[number, trial] = one.episode.reward
            actions[number, trial, : len(one.episode.actions)] = one.episode.actions
            curves[number, trial, : len(one.curve)] = one.curve
    return Outcomes(tuple(agent.name for agent in agents), performance, reward, actions, curves)
