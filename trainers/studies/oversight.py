"""The study `oversight`: train every agent of the gridworld and compare their true returns."""

from __future__ import annotations

import functools

import pandas as pd

from chisel import configs
from chisel.analysis.evaluation import (
    oversight_ceiling,
    oversight_figure,
    oversight_returns,
    oversight_table,
    summarise_oversight,
)
from chisel.analysis.results import Count, Result, Seed
from chisel.trainers.studies.runs import measure_runs, plan_runs

FOLDER = "oversight"
EXPERIMENTS = ("routed", "unrouted", "naive", "naive-early-stopped", "filtered", "oracle")


def run(
    *,
    seeds: tuple[Seed, ...] = (5, 6, 7, 8, 9),
    experiments: tuple[str, ...] = EXPERIMENTS,
    settings: str = "",
    boards: Count = 1024,
    final_boards: Count = 4096,
    runs_dir: str = "runs",
) -> Result:
    """Train missing runs, and measure the true return at every checkpoint.

    Args:
        seeds: Seeds of each experiment. Settings were chosen on seeds 0 to 4.
        experiments: Names of experiments in `oversight/`.
        settings: Overrides for all runs, separated by spaces.
        boards: Number of fresh boards per checkpoint and player.
        final_boards: Number of fresh boards for the last checkpoint.
        runs_dir: Folder of the runs, `RUNS_DIR/oversight/EXPERIMENT/seed-N`. Results are in
            `RUNS_DIR/studies/oversight`.

    Returns:
        Returns over training, a table of final and best returns, and a figure.

    Raises:
        ConfigError: If an experiment is unknown, or a run was trained with other settings.
    """
    plans = {
        name: plan_runs(f"{FOLDER}/{name}", seeds, settings, runs_dir=runs_dir)
        for name in experiments
    }
    measure = functools.partial(oversight_returns, boards=boards, final_boards=final_boards)
    returns = measure_runs(plans, measure)
    ceiling = oversight_ceiling(plans[experiments[0]][0], boards=final_boards)
    summaries = [one for name, runs in returns.items() for one in summarise_oversight(name, runs)]
    curves = {name: dict(zip(seeds, runs, strict=True)) for name, runs in returns.items()}
    frames = [
        pd.DataFrame({"experiment": name, "seed": seed, "env_steps": one.env_steps, **one.players})
        for name, runs in curves.items()
        for seed, one in runs.items()
    ]
    return Result(
        data={
            "ceiling": ceiling,
            "summaries": summaries,
            "curves": curves,
            "configs": {name: configs.to_plain(planned[0]) for name, planned in plans.items()},
        },
        tables={"returns": oversight_table(summaries, ceiling)},
        figures={"oversight": oversight_figure(returns, ceiling.value)},
        frames={"curves": pd.concat(frames)},
    )
