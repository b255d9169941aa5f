"""Regions found after training instead of routed: the units that tell two goals apart.

The baseline of every claim that routing localises: perhaps a plain network would have come apart
as well, if one only ablated the right units.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from chisel import routing
from chisel.analysis.evaluation import OUTCOMES, held_out, placements_of
from chisel.configs import ConfigError, RunConfig
from chisel.models import Agent

GOALS = ("cheese", "corner")


def selective_regions(
    agent: Agent, config: RunConfig, *, module: str, share: float = 0.5, levels: int = 500
) -> routing.Regions:
    """For each goal the units whose activity, in episodes that end there, stands out most.

    A unit's activity in an episode is its mean over steps (and places); its selectivity is the
    difference between episodes that end at the cheese and at the corner, over the spread of all.
    Episodes are the agent's own, in validation mazes.

    Args:
        agent: Who plays; two goals.
        config: Which mazes (`env`), and the seed (`eval.seed`).
        module: Whose output units are chosen from.
        share: Of its units that each goal gets, at most a half.
        levels: How many mazes.

    Returns:
        The regions `cheese` and `corner`.

    Raises:
        ConfigError: There is no such module, one goal, an impossible share, or a goal that the
            agent never reaches.
    """
    if config.env.goals == "cheese":
        raise ConfigError(f"{agent.source} has one goal; this compares two")
    if not 0 < share <= 0.5:
        raise ConfigError(f"share={share}: must be above 0 and at most 0.5")
    activity, outcomes = _activity(agent, config, module, levels)
    told = [activity[outcomes == OUTCOMES.index(goal)] for goal in GOALS]
    for goal, episodes in zip(GOALS, told, strict=True):
        if len(episodes) < 2:
            raise ConfigError(f"{agent.source} went to the {goal} in {len(episodes)} of {levels}")
    spread = activity.std(axis=0)
    difference = told[0].mean(axis=0) - told[1].mean(axis=0)
    selectivity = difference / np.where(spread > 0, spread, np.inf)
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
    """Mean activity of each unit in each episode `[E, units]`, and the outcomes `[E]`."""
    try:
        watched = agent.model.get_submodule(module)
    except AttributeError:
        raise ConfigError(f"module={module}: the network has no such module") from None
    # A game for each level, so that row n of a batch is level n until its only episode ends.
    one_each = dataclasses.replace(
        config, eval=dataclasses.replace(config.eval, num_envs=levels, levels=levels)
    )
    steps: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        steps.append(output.detach().float().flatten(2).mean(-1) if output.dim() > 2 else output)

    handle = watched.register_forward_hook(keep)
    try:
        with held_out(
            agent, one_each, placements_of(config.env)[0], levels=levels, split="validation"
        ) as mazes:
            draws = torch.Generator().manual_seed(config.eval.seed)
            facts = mazes.play(agent.policy, draws, whole_batches=True)
    finally:
        handle.remove()
    seen = torch.stack(steps).double().numpy()  # [T, E, units]
    lasted = np.arange(len(seen))[:, None] < facts["l"][np.argsort(facts["env"])]
    sums = np.einsum("teu,te->eu", seen, lasted)[facts["env"]]
    return sums / facts["l"][:, None], facts["outcome"]
