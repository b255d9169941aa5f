"""Choose regions of an agent trained without routing: the most selective units for each goal.

These regions are the baseline for the claim that routing localises goals, because a network that
was trained without routing may have units for each goal as well.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chisel import routing
from chisel.analysis.evaluation import OUTCOMES, Player, held_out, placements_of
from chisel.analysis.interventions import intervene
from chisel.configs import ConfigError, RunConfig
from chisel.models import Agent

GOALS = ("cheese", "corner")


def selective_regions(
    agent: Agent, config: RunConfig, *, module: str, share: float = 0.5, levels: int = 500
) -> routing.Regions:
    """Choose, for each goal, the units that are most selective for it.

    A unit's activity in an episode is its mean output over steps (and over places). Its selectivity
    is the mean activity in episodes that end at the cheese minus that in episodes that end at the
    corner, divided by the standard deviation over all episodes. The agent plays validation mazes.

    Args:
        agent: An agent with two goals. Its actions are sampled.
        config: Config of the mazes (`env`), and seed of levels and actions (`eval.seed`).
        module: Name of the module whose output units are chosen.
        share: Share of these units that is chosen for each goal, above 0 and at most 0.5.
        levels: Number of mazes.

    Returns:
        The regions `cheese` and `corner`.

    Raises:
        ConfigError: If there is no such module, the agent has one goal, the share is impossible, or
            fewer than two episodes end at one of the goals.
    """
    if config.env.goals == "cheese":
        raise ConfigError(f"{agent.source} has one goal; this compares two")
    if not 0 < share <= 0.5:
        raise ConfigError(f"share={share}: must be above 0 and at most 0.5")
    activity, outcomes = _activity(agent, config, module, levels)
    by_goal = [activity[outcomes == OUTCOMES.index(goal)] for goal in GOALS]
    for goal, episodes in zip(GOALS, by_goal, strict=True):
        if len(episodes) < 2:
            raise ConfigError(f"{agent.source} went to the {goal} in {len(episodes)} of {levels}")
    std = activity.std(axis=0)
    difference = by_goal[0].mean(axis=0) - by_goal[1].mean(axis=0)
    selectivity = difference / np.where(std > 0, std, np.inf)
    count = max(1, round(share * len(selectivity)))
    order = np.argsort(selectivity, kind="stable")
    chosen = {"cheese": order[-count:], "corner": order[:count]}
    plain = {
        goal: [{"module": module, "units": sorted(units.tolist()), "size": len(selectivity)}]
        for goal, units in chosen.items()
    }
    return routing.resolve(agent.model, plain)


def _activity(
    agent: Agent, config: RunConfig, module: str, levels: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the mean activity of each unit in each episode `[E, units]`, and outcomes `[E]`."""
    # There is one game per level, so row n of a batch is level n until its only episode ends.
    one_each = dataclasses.replace(
        config, eval=dataclasses.replace(config.eval, num_envs=levels, levels=levels)
    )
    steps: list[Tensor] = []

    def keep(output: Tensor) -> Tensor:
        steps.append(output.float().flatten(2).mean(-1) if output.dim() > 2 else output)
        return output

    placement = placements_of(config.env)[0]
    with (
        intervene(agent.model, {module: keep}),
        held_out(agent, one_each, placement, levels=levels, split="validation") as mazes,
    ):
        facts = mazes.play(Player("agent", agent.policy, whole_batches=True), (config.eval.seed,))
    activity = torch.stack(steps).double().numpy()  # [T, E, units]
    running = np.arange(len(activity))[:, None] < facts["l"][np.argsort(facts["env"])]
    sums = np.einsum("teu,te->eu", activity, running)[facts["env"]]
    return sums / facts["l"][:, None], facts["outcome"]
