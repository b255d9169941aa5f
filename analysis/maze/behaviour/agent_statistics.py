"""Compute all statistics of one agent's behaviour, as one tree of estimates."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from chisel.analysis.evaluation import Split
from chisel.analysis.maze.behaviour.episodes import COLUMNS, decision_episodes
from chisel.analysis.maze.behaviour.metrics import METRICS
from chisel.analysis.maze.behaviour.regression import inflation, prepare, regress, sign_flips
from chisel.analysis.maze.behaviour.summary import cheese_in_corners, ends, misgeneralisation
from chisel.analysis.maze.behaviour.validation import carried_over, cross_validate, drop_one
from chisel.analysis.results import Estimate, ProgressCallback, Tree
from chisel.configs import ConfigError, RunConfig, hint
from chisel.models import Agent

CORNER_SHARE = 4
"""Divisor of the number of levels for each corner of the maze, which has its own estimate."""


class Behaviour(NamedTuple):
    """Results about one agent."""

    episodes: pd.DataFrame
    """Episodes of the first batch; see `decision_episodes`."""
    tree: Tree
    """Every estimate: `summary`, `corners`, and those of `statistics`."""


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
        config: The environment; `config.eval.seed` is the seed of all draws.
        variables: Variables of the main regression; columns of the table of episodes.
        levels: Number of levels with a decision square in each of two batches; layouts of the first
            are then removed from the second. The summary has as many levels of every kind, and each
            corner a quarter of them.
        split: Split that the layouts come from.
        progress: Called with the name of a batch and the numbers of episodes done and wanted.

    Raises:
        ConfigError: If there are too few levels, a variable is unknown, or nearly all episodes had
            the same end.
    """
    for name in variables:
        if name not in COLUMNS:
            raise ConfigError(f"variables={name}: {hint(name, COLUMNS)}")
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
    tree = statistics(batches[0], batches[1], variables, draws)
    options: dict[str, Any] = {"split": split, "progress": progress}
    summary = misgeneralisation(agent, config, draws, levels=levels, **options)
    few = max(1, levels // CORNER_SHARE)
    corners = cheese_in_corners(agent, config, draws, levels=few, **options)
    return Behaviour(batches[0], {**tree, "summary": summary, "corners": corners})


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
        `decision` (ends of episodes), `regression`, `validation` (cross-validated), `drop_one`,
        `signs` over random subsets of all metrics, `all` (validation and variance inflation of
        all metrics together), `second` (the second batch's own regression), `carried` (predictions
        of the second batch by the fit to the first), and `new` (the share of the second batch that
        was not left out).

    Raises:
        ConfigError: If nearly all episodes of a batch had the same end, or the second batch has no
            other layouts.
    """
    data, every = prepare(first, variables), prepare(first, METRICS)
    new = ~second["layout"].isin(first["layout"])
    if not new.any():
        raise ConfigError(
            "the second batch has no layout that the first has not: such mazes are too few for two "
            "batches; take fewer levels"
        )
    again = prepare(second[new], variables, like=first)
    found = regress(data, generator)
    return {
        "decision": ends(first, generator),
        "regression": vars(found),
        "validation": vars(cross_validate(data, generator)),
        "drop_one": {name: vars(one) for name, one in drop_one(data, generator).items()},
        "signs": sign_flips(every, generator),
        "all": {"validation": vars(cross_validate(every, generator)), "vif": inflation(every)},
        "second": vars(regress(again, generator)),
        "carried": vars(carried_over(data, again, generator)),
        "new": {"episodes": Estimate(float(new.mean()), math.nan, math.nan, len(second))},
    }
