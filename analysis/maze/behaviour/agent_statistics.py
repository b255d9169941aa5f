"""All statistics of one agent's behaviour, as one tree of estimates."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from chisel.analysis.evaluation import Split
from chisel.analysis.maze.behaviour.cheese_corners import cheese_in_corners
from chisel.analysis.maze.behaviour.episodes import decision_episodes
from chisel.analysis.maze.behaviour.metrics import METRICS
from chisel.analysis.maze.behaviour.regression import inflation, prepare, regress
from chisel.analysis.maze.behaviour.sign_flips import sign_flips
from chisel.analysis.maze.behaviour.summary import ends, misgeneralisation
from chisel.analysis.maze.behaviour.validation import (
    carried_over,
    cross_validate,
    drop_one,
    validation,
)
from chisel.analysis.results import Estimate, ProgressCallback, Tree
from chisel.configs import RunConfig
from chisel.models import Agent

CORNER_SHARE = 4
"""The number of levels is divided by this for the corners, which have one estimate each."""


@dataclass(frozen=True)
class Behaviour:
    """Results about one agent."""

    episodes: pd.DataFrame
    """Episodes of the first batch; see `decision_episodes`."""
    tree: Tree
    """Every estimate: `summary`, `corners`, and what `statistics` gives."""


def behaviour(
    agent: Agent,
    config: RunConfig,
    *,
    variables: Sequence[str],
    levels: int,
    split: Split = "test",
    progress: ProgressCallback = lambda what, done, wanted: None,
) -> Behaviour:
    """Play an agent and compute all statistics of where it goes.

    Args:
        agent: The agent; its actions are sampled.
        config: The environment; `config.eval.seed` decides everything that is drawn.
        variables: Variables of the main regression; columns of the table of episodes.
        levels: Number of levels with a decision square in each of two batches, of which the second
            then loses the layouts of the first. The summary has as many levels of every kind, and
            each corner a quarter.
        split: Split that the layouts come from.
        progress: Called with what is played and the numbers of episodes done and wanted.

    Raises:
        ConfigError: If there are too few levels, a variable is unknown, or nearly all episodes
            ended alike.
    """
    batches = [
        decision_episodes(
            agent,
            replace(config, eval=replace(config.eval, seed=config.eval.seed + number)),
            levels=levels,
            split=split,
            progress=functools.partial(progress, f"batch {number + 1}"),
        )
        for number in (0, 1)
    ]
    draws = np.random.default_rng([config.eval.seed, 0xBE4A])
    tree = dict(statistics(batches[0], batches[1], variables, draws))
    few = max(1, levels // CORNER_SHARE)
    tree["summary"] = misgeneralisation(
        agent, config, draws, levels=levels, split=split, progress=progress
    )
    tree["corners"] = cheese_in_corners(
        agent, config, draws, levels=few, split=split, progress=progress
    )
    return Behaviour(batches[0], tree)


def statistics(
    first: pd.DataFrame,
    second: pd.DataFrame,
    variables: Sequence[str],
    generator: np.random.Generator,
) -> Tree:
    """Compute the statistics of two batches of episodes.

    Args:
        first: Episodes of `decision_episodes`.
        second: Episodes on other levels. Those in layouts of the first batch are left out.
        variables: Variables of the main regression.
        generator: Draws folds, layouts and subsets, and seeds the solver.

    Returns:
        `decision` (how they ended), `regression`, `validation` (cross-validated), `drop_one`,
        `signs` over random subsets of all metrics, `all` (validation and variance inflation of
        all metrics together), `second` (the second batch's own regression), `carried` (predictions
        of the second batch by the fit to the first), and `new` (the share of the second batch that
        was not left out).

    Raises:
        ConfigError: If a variable is unknown, or nearly all episodes of a batch ended alike.
    """
    data, every = prepare(first, variables), prepare(first, METRICS)
    new = ~second["layout"].isin(first["layout"])
    again = prepare(second[new], variables, like=first)
    found = regress(data, generator)
    factors = dict(zip(METRICS, inflation(every.z).tolist(), strict=True))
    n, nan = len(first), float("nan")
    kept = Estimate(float(new.mean()), nan, nan, len(second))
    return {
        "decision": ends(first, generator),
        "regression": found.to_tree(),
        "validation": cross_validate(data, generator).to_tree(),
        "drop_one": {name: one.to_tree() for name, one in drop_one(data, generator).items()},
        "signs": {test.name: test.to_tree() for test in sign_flips(every, generator)},
        "all": {
            "validation": cross_validate(every, generator).to_tree(),
            "vif": {name: Estimate(value, nan, nan, n) for name, value in factors.items()},
        },
        "second": regress(again, generator).to_tree(),
        "carried": validation(carried_over(data, again, generator), generator).to_tree(),
        "new": {"episodes": kept},
    }
