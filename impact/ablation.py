"""Many trials of many agents, and of one agent at many settings."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.impact.agents import AGENTS, MODEL_FREE, Agent, Played, play
from chisel.impact.learning import labels_of
from chisel.impact.lookahead import lookahead
from chisel.impact.options import Options
from chisel.impact.worlds import World, check_world


@dataclass(frozen=True)
class Outcomes:
    """What came of N trials of each of G agents.

    Attributes:
        agents: Their names.
        performance: Hidden return `[G, N]` of the episode that counts.
        reward: Return `[G, N]` that the agent saw.
        actions: What was done `[G, N, H]`, -1 after the end.
        curves: Performance `[G, N, E]` in each evaluation while learning; nan for those that plan.
    """

    agents: tuple[str, ...]
    performance: NDArray[np.float64]
    reward: NDArray[np.float64]
    actions: NDArray[np.int64]
    curves: NDArray[np.float64]

    def of(self, agent: str) -> NDArray[np.float64]:
        """Performance `[N]` of one agent."""
        return np.asarray(self.performance[self.agents.index(agent)])


@dataclass(frozen=True)
class Sweep:
    """Outcomes at each value of an option."""

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
    """Let every agent act once for each generator, with auxiliary rewards of its own.

    The ablation of Turner et al. (2020), section 4, where each agent acted once.

    Args:
        world: Its tables.
        options: A preset, or one changed by `dataclasses.replace`.
        generators: One for each trial, N; they are advanced.
        agents: Which.
        threads: How many trials at a time; outcomes do not depend on it.

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
    return _gathered(chosen, trials, options)


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
    """The same at each value of an option (Turner et al. 2020, figure 4).

    Args:
        world: Its tables.
        options: All other options.
        option: A field of `Options`: "lam", "gamma" and "n_rewards" in the paper.
        values: What it is set to, one after the other.
        generators: One for each trial at a value; they are advanced.
        agents: Which.
        threads: How many trials at a time.

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


def _gathered(agents: tuple[Agent, ...], trials: list[list[Played]], options: Options) -> Outcomes:
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
