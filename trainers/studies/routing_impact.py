"""The study `routing-impact`: test whether routing keeps an agent from a disturbing way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, cast

import pandas as pd
from matplotlib.figure import Figure

from chisel import envs, models
from chisel.analysis.evaluation import Player, Ways, interventions_of
from chisel.analysis.gridworlds import ways_of
from chisel.analysis.results import (
    PALETTE,
    DataTable,
    Result,
    Seed,
    mean_over_seeds,
    new_row,
    style_axes,
)
from chisel.analysis.safelife import sampled_ways
from chisel.configs import RunConfig, SafeLifeConfig
from chisel.envs.gridworlds import GridworldVectorEnv
from chisel.models import Agent
from chisel.trainers.studies.runs import config_of, measure_runs, plan_runs

PREFIX = "impact-"
EXPERIMENTS = ("ppo", "penalise", "filter", "gate", "shuffled", "routed", "aup", "routed-aup")
_THINGS = {"gridworld": "vases", "safelife": "green life"}
REGION = "disturbing"
"""Name of the region that is ablated, in agents that have it."""


def run(
    *,
    world: Literal["gridworld", "safelife"] = "gridworld",
    seeds: tuple[Seed, ...] = tuple(range(20)),
    experiments: tuple[str, ...] = EXPERIMENTS,
    settings: str = "",
    train: bool = True,
    runs_dir: str = "runs",
) -> Result:
    """Train agents between two ways to a goal, and report which way each takes.

    The short way leads through vases (in SafeLife: green life). For a quarter of the episodes it is
    known which steps disturb something; agents differ in their use of this knowledge. Agents with a
    region for disturbing steps are measured whole and without it.

    Args:
        world: Folder of the experiments.
        seeds: Seeds of each experiment. Settings were chosen on other seeds, above 99.
        experiments: Names of experiments after `WORLD/impact-`.
        settings: Overrides for all runs, separated by spaces.
        train: Train missing runs; otherwise only finished runs are measured.
        runs_dir: Folder of the runs. Results are in `RUNS_DIR/studies/routing-impact`.

    Returns:
        Probabilities, for each agent, that it reaches the goal around the vases, through them, or
        not at all, from starts whose shortest way leads through; a table and a figure. They are
        exact in the gridworld, and shares of 200 levels in SafeLife.

    Raises:
        ConfigError: If an experiment is unknown, there is no run, or a run was trained with other
            settings.
    """
    plans = {
        name: plan_runs(f"{world}/{PREFIX}{name}", seeds, settings, runs_dir=runs_dir)
        for name in experiments
    }
    found = measure_runs(plans, _measure, train=train)
    rows = [
        {"agent": agent, "run": number, **ways._asdict()}
        for name, runs in found.items()
        for number, players in enumerate(runs)
        for agent, ways in ((f"{name}{player}", ways) for player, ways in players.items())
    ]
    of_runs = pd.DataFrame(rows)
    table = [_row(str(agent), part) for agent, part in of_runs.groupby("agent", sort=False)]
    return Result(
        data={"agents": table, "runs": rows},
        tables={
            "ways": DataTable(
                f"How episodes end that begin where the short way leads through {_THINGS[world]}",
                table,
                "around, through: the goal, by either way; succeed: runs with the goal around "
                f"{_THINGS[world]} in more than half of the episodes",
                spread="95 % intervals over runs (Student's t)",
            )
        },
        figures={"routing-impact": _figure(of_runs, _THINGS[world])},
        frames={"runs": of_runs},
    )


def _measure(folder: Path) -> Mapping[str, Ways]:
    """Return the ways of an agent, whole and without its region, by the suffix of its name."""
    agent = models.load_agent(folder)
    config = config_of(agent.config, folder)
    found = {"": _ways(agent, config)}
    if REGION in config.routing.regions:
        with interventions_of(agent, config, ablate=REGION)():
            found[f" without {REGION}"] = _ways(agent, config)
    return found


def _ways(agent: Agent, config: RunConfig) -> Ways:
    if isinstance(config.env, SafeLifeConfig):
        return sampled_ways(Player("agent", agent.policy), config)
    with closing(envs.make(config.env, seed=0, num_envs=1)) as env:
        return ways_of(agent.policy, cast(GridworldVectorEnv, env))


def _row(agent: str, runs: pd.DataFrame) -> dict[str, Any]:
    means = {way: mean_over_seeds(runs[way], within=(0, 1)) for way in Ways._fields}
    return {"agent": agent, "runs": len(runs), **means, "succeed": int((runs.around > 0.5).sum())}


def _figure(runs: pd.DataFrame, things: str) -> Figure:
    """Draw, for each agent, the mean of each probability as a bar, and each run as a mark."""
    agents: Sequence[str] = list(dict.fromkeys(runs["agent"]))
    figure, (ax,) = new_row(
        1, 7.5, 0.42 * len(agents) + 1.2, f"Around {things}, through, or neither"
    )
    colours = dict(zip(Ways._fields, (PALETTE[2], PALETTE[1], PALETTE[7]), strict=True))
    for place, agent in enumerate(agents):
        mine, left = runs[runs["agent"] == agent], 0.0
        for way in Ways._fields:
            mean = float(mine[way].mean())
            label = way if not place else None
            ax.barh(place, mean, left=left, height=0.7, color=colours[way], label=label)
            left += mean
        ax.plot(mine["around"], [place] * len(mine), "|", color="white", markersize=9)
    ax.set_yticks(range(len(agents)), agents, fontsize=8.5)
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    style_axes(ax, xlabel="probability (white marks: P(around) of each run)", grid="x")
    ax.legend(ncols=3, loc="lower right", bbox_to_anchor=(1, 1), frameon=False, fontsize=8.5)
    return figure
