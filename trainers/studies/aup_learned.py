"""The study `aup-learned`: PPO with and without AUP, and the errors of learnt penalties."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from chisel import models
from chisel.analysis.gridworlds import exact_episode
from chisel.analysis.results import (
    Estimate,
    Request,
    new_table,
    proportion,
    show,
    write_gif,
    write_json,
)
from chisel.configs import AupConfig, ConfigError, RunConfig
from chisel.envs.gridworlds import find_world, render, tabular
from chisel.trainers.studies.aup_penalties import (
    Episode,
    Penalties,
    compare_penalties,
    exact_values,
    greedy_episode,
    load_aup,
    make_world,
    visited_boards,
)
from chisel.trainers.studies.runs import is_finished, plan_runs, require_same, run_folder, trained

STUDY = "aup-learned"
FOLDER = "gridworld"
WORLDS = "options,damage,interference,offset"
EXACT = {"AUP, exact": "stepwise", "starting state, exact": "start"}
"""Baselines of exact agents, which plan with the auxiliary rewards of the runs, by name."""
_COPIES, _FRAMES_PER_SECOND, _CELL = 32, 3, 24


@dataclass(frozen=True)
class RunResult:
    """Measurements of one run.

    Attributes:
        episode: A greedy episode of the trained agent.
        penalties: Learnt penalties compared with exact ones; `None` where none are learnt.
        exact: Performance of the agents of `EXACT`, for the same auxiliary rewards.
    """

    episode: Episode
    penalties: Penalties | None
    exact: dict[str, float]


Results = dict[tuple[str, str], list[RunResult]]
"""By experiment and world, one result for each seed."""


def run_study(
    *,
    worlds: str = WORLDS,
    seeds: str = "0,1,2,3,4,5,6,7,8,9",
    experiments: str = "ppo,aup-ppo",
    settings: str = "",
    train: bool = True,
    runs_dir: str = "runs",
    out: Path | str | None = None,
) -> Path:
    """Train what is not trained yet; report outcomes and the errors of learnt penalties.

    Args:
        worlds: Gridworlds, with commas between.
        seeds: Seeds of each experiment and world. Those that settings were chosen on are above 99.
        experiments: Experiments of `gridworld/…`, with commas between.
        settings: Overrides for all of them, separated by spaces.
        train: Train what is missing; otherwise measure only runs that are finished.
        runs_dir: Where runs are, or will be: `RUNS_DIR/gridworld/EXPERIMENT/WORLD-seed-N`.
        out: Folder for the results; None is `RUNS_DIR/studies/aup-learned`.

    Returns:
        The folder, with `aup-learned.json`, and an animated episode of the first seed of each.

    Raises:
        ConfigError: A world, an experiment or a seed is unknown, there is no run, or one of that
            name was trained with other settings.
    """
    request = Request.of(STUDY, run_study, locals())
    folder = request.folder(home=runs_dir, but=("runs_dir",))
    results: Results = {}
    for world in (find_world(name.strip()).name for name in worlds.split(",")):
        for name in (name.strip() for name in experiments.split(",")):
            plans = plan_runs(f"{FOLDER}/{name}", seeds, settings, runs_dir=runs_dir, world=world)
            found = [_measure(plan) for plan in plans if train or _is_finished(plan)]
            if found:
                results[name, world] = found
    if not results:
        raise ConfigError(f"runs_dir={runs_dir}: no runs there; train=true trains them")
    with request.results(folder):
        data = _to_plain(results) | {"command": request.command}
        write_json(folder / f"{STUDY}.json", data)
        for (name, world), runs in results.items():
            _film(runs[0].episode, world, folder / f"{name}-{world}.gif")
    show(_outcomes_table(results))
    if any(one.penalties for runs in results.values() for one in runs):
        show(_penalties_table(results))
    return folder


def _is_finished(plan: RunConfig) -> bool:
    """Whether a run was trained to its end; warn of one that was not."""
    folder = run_folder(plan)
    if not folder.is_dir():
        return False
    require_same(folder, plan, option="runs_dir")
    finished = is_finished(folder, plan)
    if not finished:
        print(f"warning: {folder} has not come to its end; train=true goes on", file=sys.stderr)
    return finished


def _measure(plan: RunConfig) -> RunResult:
    folder = trained(plan, option="runs_dir")
    agent = models.load_agent(folder)
    config = agent.config or plan
    env = make_world(config, _COPIES)
    episode = greedy_episode(agent, env)
    if not isinstance(config.algo, AupConfig):
        return RunResult(episode, None, {})
    algorithm, max_steps = (
        load_aup(folder, config, env),
        config.env.max_steps or env.world.max_steps,
    )
    q = exact_values(algorithm, config, env)
    boards = visited_boards(agent, env, max_steps, config.seed)
    exact = {
        name: exact_episode(
            env.mdp,
            q,
            "start" if baseline == "start" else "stepwise",
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


def performances(results: Results) -> dict[tuple[str, str], list[float]]:
    """Return the seeds' performances by agent and world, those of the exact agents included."""
    found = {key: [one.episode.performance for one in runs] for key, runs in results.items()}
    for (_, world), runs in results.items():
        for name in EXACT:
            exact = [one.exact[name] for one in runs if name in one.exact]
            if exact:
                found[name, world] = exact
    return found


def share_of_passes(world: str, performance: list[float]) -> Estimate:
    """Estimate how often the outcome was as good as the world allows, with Wilson's interval."""
    passing = find_world(world).passing
    return proportion(sum(p >= passing - 1e-9 for p in performance), len(performance))


def _to_plain(results: Results) -> dict[str, Any]:
    return {
        "outcomes": [
            {
                "agent": agent,
                "world": world,
                "performance": values,
                "passes": share_of_passes(world, values).to_plain(),
            }
            for (agent, world), values in performances(results).items()
        ],
        "penalties": [
            {"world": world, **dataclasses.asdict(one.penalties)}
            for (_, world), runs in results.items()
            for one in runs
            if one.penalties
        ],
    }


def _outcomes_table(results: Results) -> Table:
    """Make the table of passes, agents by worlds."""
    found = performances(results)
    worlds = list(dict.fromkeys(world for _, world in found))
    table = new_table(
        title="runs that end as well as the world allows",
        caption="greedy episodes; 95 % intervals (Wilson)",
    )
    table.add_column("agent")
    for world in worlds:
        table.add_column(world, justify="right")
    for agent in dict.fromkeys(agent for agent, _ in found):
        cells = []
        for world in worlds:
            values = found.get((agent, world))
            if values is None:
                cells.append("-")
                continue
            share = share_of_passes(world, values)
            count = round(share.value * share.n)
            cells.append(f"{count}/{share.n} ({share.low:.2f}, {share.high:.2f})")
        table.add_row(agent, *cells)
    return table


def _penalties_table(results: Results) -> Table:
    """Make the table of learnt penalties' errors: means over runs, and the worst."""
    table = new_table(
        title="learnt penalties beside exact ones, on boards that the agent visits",
        caption="mean over runs (worst run); a penalty of 1 is all that could be attained",
    )
    names = ("runs", "pairs", "exact", "error", "each function", "rank correlation")
    for name in ("world", *names):
        table.add_column(name, justify="left" if name == "world" else "right")
    for (_, world), runs in results.items():
        found = [one.penalties for one in runs if one.penalties]
        if not found:
            continue
        error, each, rank = (
            np.array([getattr(one, name) for one in found])
            for name in ("error", "function_error", "rank")
        )
        table.add_row(
            world,
            str(len(found)),
            f"{np.mean([one.pairs for one in found]):.0f}",
            f"{np.mean([one.exact for one in found]):.4f}",
            f"{error.mean():.5f} ({error.max():.5f})",
            f"{each.mean():.5f} ({each.max():.5f})",
            f"{rank.mean():.3f} ({rank.min():.3f})",
        )
    return table
