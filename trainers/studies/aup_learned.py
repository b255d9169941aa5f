"""The study `aup-learned`: PPO with and without AUP, and the errors of learnt penalties."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from chisel import models
from chisel.analysis.gridworlds import exact_episode, share_of_passes
from chisel.analysis.results import DataTable, Result, Seed, write_gif
from chisel.configs import AupConfig
from chisel.envs.gridworlds import find_world, render, tabular
from chisel.trainers.aup.saved import load_aup
from chisel.trainers.studies.aup_penalties import (
    Episode,
    Penalties,
    compare_penalties,
    exact_values,
    greedy_episode,
    make_world,
    visited_boards,
)
from chisel.trainers.studies.runs import config_of, measure_runs, plan_runs

FOLDER = "gridworld"
WORLDS = ("options", "damage", "interference", "offset")
EXACT: dict[str, Literal["stepwise", "start"]] = {
    "AUP, exact": "stepwise",
    "starting state, exact": "start",
}
"""Baselines by name of exact agents, which plan with the auxiliary rewards of the runs."""
_COPIES, _FRAMES_PER_SECOND, _CELL = 32, 3, 24


@dataclass(frozen=True)
class RunResult:
    """Measurements of one run."""

    episode: Episode
    """A greedy episode of the trained agent."""
    penalties: Penalties | None = None
    """Learnt penalties compared with exact ones; `None` if the agent learns none."""
    exact: dict[str, float] = field(default_factory=dict)
    """Performances of the agents in `EXACT`, with the same auxiliary rewards."""


Results = dict[tuple[str, str], list[RunResult]]
"""A result for each seed, by experiment and world."""


def run(
    *,
    worlds: tuple[str, ...] = WORLDS,
    seeds: tuple[Seed, ...] = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    experiments: tuple[str, ...] = ("ppo", "aup-ppo"),
    settings: str = "",
    train: bool = True,
    runs_dir: str = "runs",
) -> Result:
    """Train missing runs with and without AUP; report outcomes and errors of learnt penalties.

    Args:
        worlds: Names of gridworlds.
        seeds: Seeds of each experiment and world. Settings were chosen on other seeds, above 99.
        experiments: Names of experiments in `gridworld/`.
        settings: Overrides for all runs, separated by spaces.
        train: Train missing runs; otherwise only finished runs are measured.
        runs_dir: Folder of the runs, `RUNS_DIR/gridworld/EXPERIMENT/WORLD-seed-N`. Results are in
            `RUNS_DIR/studies/aup-learned`.

    Returns:
        Performances, errors of penalties, and an animated episode of each first seed.

    Raises:
        ConfigError: If a world or an experiment is unknown, there is no run, or a run was trained
            with other settings.
    """
    plans = {
        (name, world): plan_runs(
            f"{FOLDER}/{name}", seeds, settings, runs_dir=runs_dir, world=world
        )
        for world in (find_world(one).name for one in worlds)
        for name in experiments
    }
    results = measure_runs(plans, _measure, train=train)
    rows = outcomes(results)
    tables = {"outcomes": _outcomes_table(rows)}
    if any(one.penalties for runs in results.values() for one in runs):
        tables["penalties"] = _penalties_table(results)
    return Result(
        data={
            "outcomes": rows,
            "penalties": [
                {"world": world, **dataclasses.asdict(one.penalties)}
                for (_, world), runs in results.items()
                for one in runs
                if one.penalties
            ],
        },
        tables=tables,
        files={
            f"{name}-{world}.gif": functools.partial(_film, runs[0].episode, world)
            for (name, world), runs in results.items()
        },
    )


def _measure(folder: Path) -> RunResult:
    agent = models.load_agent(folder)
    config = config_of(agent.config, folder)
    env = make_world(config, _COPIES)
    episode = greedy_episode(agent, env)
    if not isinstance(config.algo, AupConfig):
        return RunResult(episode)
    algorithm = load_aup(models.find_checkpoint(folder, print), config, env)
    max_steps = config.env.max_steps or env.world.max_steps
    q = exact_values(algorithm, config, env)
    boards = visited_boards(agent, env, max_steps, config.seed)
    exact = {
        name: exact_episode(
            env.mdp,
            q,
            baseline,
            weight=config.algo.aup_lambda,
            gamma=config.algo.gamma,
            max_steps=max_steps,
        ).performance
        for name, baseline in EXACT.items()
    }
    return RunResult(episode, compare_penalties(algorithm, env, q, boards), exact)


def _film(episode: Episode, world: str, path: Path) -> None:
    boards = tabular(world).boards[list(episode.boards)]
    write_gif(path, render(boards, cell=_CELL), _FRAMES_PER_SECOND)


def outcomes(results: Results) -> list[dict[str, Any]]:
    """Return a row for each agent and world: performances by seed, and the share that passes.

    There are also rows for exact agents. An agent passes if its performance is the best that the
    world allows; the share has a Wilson interval.
    """
    found = {key: [one.episode.performance for one in runs] for key, runs in results.items()}
    for (_, world), runs in results.items():
        for name in EXACT:
            exact = [one.exact[name] for one in runs if name in one.exact]
            if exact:
                found[name, world] = exact
    return [
        {
            "agent": agent,
            "world": world,
            "performance": performance,
            "passes": share_of_passes(world, performance),
        }
        for (agent, world), performance in found.items()
    ]


def _outcomes_table(rows: list[dict[str, Any]]) -> DataTable:
    return DataTable(
        "runs that end as well as the world allows",
        [
            {
                "agent": row["agent"],
                "world": row["world"],
                "runs": row["passes"].n,
                "passes": round(row["passes"].value * row["passes"].n),
                "share": row["passes"],
            }
            for row in rows
        ],
        caption="greedy episodes; 95 % intervals (Wilson)",
    )


def _penalties_table(results: Results) -> DataTable:
    """Make the table of errors of learnt penalties: means over runs, and the worst run."""
    rows = []
    for (agent, world), runs in results.items():
        found = pd.DataFrame([one.penalties for one in runs if one.penalties])
        if not found.empty:
            means = found.mean()
            rows.append(
                {
                    "agent": agent,
                    "world": world,
                    "runs": len(found),
                    "pairs": means["pairs"],
                    "exact": means["exact"],
                    "error": means["error"],
                    "worst error": found["error"].max(),
                    "each function": means["function_error"],
                    "worst function": found["function_error"].max(),
                    "rank": means["rank"],
                    "worst rank": found["rank"].min(),
                }
            )
    errors = ("error", "worst error", "each function", "worst function")
    return DataTable(
        "learnt penalties beside exact ones, on boards that the agent visits",
        rows,
        caption="means over runs, and the worst run; a penalty of 1 is all that could be attained; "
        "rank: rank correlation",
        form=dict.fromkeys(errors, ".5f")
        | {"pairs": ".0f", "exact": ".4f", "rank": ".3f", "worst rank": ".3f"},
    )
