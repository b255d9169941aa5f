"""The ablation matrix of a maze agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chisel import routing
from chisel.analysis.ablation import (
    AblationMatrix,
    Context,
    Mode,
    Values,
    ablation_matrix,
    regions_of,
)
from chisel.analysis.evaluation.ablating import MEAN_LEVELS
from chisel.analysis.evaluation.held_out import held_out, layouts_of, placements_of
from chisel.analysis.evaluation.scores import OUTCOMES, is_efficient
from chisel.analysis.results import Settings, as_list, maze_run
from chisel.configs import ConfigError
from chisel.models import Agent


def maze_ablation_matrix(
    agent: Agent,
    *,
    overrides: Settings = (),
    regions: Mapping[str, routing.Region] | None = None,
    mode: Mode = "zero",
    controls: int = 3,
    gates: bool = False,
    together: bool = False,
    decision: bool | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> AblationMatrix:
    """Play held-out levels with nothing, each region, and random regions switched off.

    Levels and the seed of the sampled actions are those of `config.eval`, the same for every row.

    Args:
        agent: Who plays.
        overrides: `key=value` on `eval.*` and `env.*`.
        regions: By name; None takes those that the agent was routed with.
        mode: What is done to the units; means are over states of a play on validation levels.
        controls: Random regions for each region.
        gates: Whether random regions silence as many units of a gate as the region does.
        together: Also switch all regions off at once.
        decision: Only levels with a decision square; None asks for it if there are two goals.
        progress: Called with what is played, rows done and wanted.

    Raises:
        ConfigError: If the agent has no regions, they cannot be ablated so, or levels are too few.
    """
    config = maze_run(agent, as_list(overrides))
    chosen = regions_of(agent) if regions is None else regions
    placement, seed = placements_of(config.env)[0], config.eval.seed
    two_goals = config.env.goals != "cheese"
    validation = held_out(agent, config, placement, levels=MEAN_LEVELS, split="validation")
    with held_out(agent, config, placement, decision=decision) as mazes:

        def play(context: Context) -> Values:
            draws, whole = torch.Generator().manual_seed(seed), mode == "resample"
            facts = mazes.play(agent.policy, draws, context=context, whole_batches=whole)
            return metrics_of(facts, two_goals=two_goals)

        def record() -> None:
            seen.play(agent.policy, torch.Generator().manual_seed(seed))

        options: dict[str, Any] = {"mode": mode, "controls": controls, "gates": gates}
        options |= {"together": together}
        options |= {"seed": seed, "progress": progress, "layouts": layouts_of(mazes.level_set)}
        try:
            if mode != "mean":
                return ablation_matrix(agent.model, chosen, play, **options)
            with validation as seen:
                return ablation_matrix(agent.model, chosen, play, record=record, **options)
        except routing.RoutingError as error:
            raise ConfigError(f"{agent.source}: {error}") from error


def metrics_of(facts: dict[str, NDArray[Any]], *, two_goals: bool) -> Values:
    """What each episode says: 0 or 1 for what happened, and the return.

    Args:
        facts: Of episodes `[E, ...]`, as `HeldOut.play` returns them.
        two_goals: Tell the goals apart. With one goal success is told apart by whether the cheese
            lies in the top-right region, if both occur.

    Returns:
        By metric float `[E]`, NaN where it says nothing of the episode.
    """
    columns: dict[str, NDArray[Any]] = {}
    if two_goals:
        columns |= {f"P({end})": facts["outcome"] == OUTCOMES.index(end) for end in _ENDS}
    else:
        columns["success"] = facts["success"]
        inside = facts["in_region"]
        if inside.any() and not inside.all():
            columns["success in region"] = np.where(inside, facts["success"], np.nan)
            columns["success elsewhere"] = np.where(inside, np.nan, facts["success"])
    columns |= {"efficient": is_efficient(facts), "return": facts["r"]}
    solvable = facts["shortest_path"] >= 0
    return {name: np.where(solvable, column, np.nan) for name, column in columns.items()}


_ENDS = ("cheese", "corner", "neither")
