"""Measure an agent at every checkpoint that its run kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from chisel.analysis.evaluation import Split
from chisel.analysis.maze.behaviour.episodes import decision_episodes
from chisel.analysis.maze.behaviour.metrics import PUBLISHED
from chisel.analysis.maze.behaviour.regression import prepare, regress
from chisel.analysis.maze.behaviour.summary import ENDS, GAP, ends, misgeneralisation
from chisel.analysis.maze.cheese_vector import cheese_vector_curves
from chisel.analysis.results import DataTable, Estimate, ProgressCallback, Tree, counted, over_seeds
from chisel.configs import ConfigError, RunConfig
from chisel.models import Agent, kept_checkpoints, load_agent

Curves = Mapping[str, Estimate]
Measure = Callable[[Agent, RunConfig, int, Split], Curves]
"""Function from an agent, its config, a number of levels and their split to a point of each curve.
"""

TrainingCurve = Mapping[int, Tree]
"""The `Curves` of each measure by its name, for each number of environment steps."""


def success(agent: Agent, config: RunConfig, levels: int, split: Split) -> Curves:
    """Measure success by the placement of the cheese."""
    rows = misgeneralisation(agent, config, _draws(config), levels=levels, split=split)
    return {name: row[ENDS[0]] for name, row in rows.items() if name != GAP}


def p_cheese(agent: Agent, config: RunConfig, levels: int, split: Split) -> Curves:
    """Measure the ends of episodes with a decision square and the cheese outside its region."""
    return ends(decision_episodes(agent, config, levels=levels, split=split), _draws(config))


def regression(agent: Agent, config: RunConfig, levels: int, split: Split) -> Curves:
    """Fit coefficients of the published variables; nan if nearly all episodes have the same end."""
    frame = decision_episodes(agent, config, levels=levels, split=split)
    try:
        return regress(prepare(frame, PUBLISHED), _draws(config)).coefficients
    except ConfigError:  # early in training an agent hardly ever finds the cheese
        nan = float("nan")
        return dict.fromkeys(PUBLISHED, Estimate(nan, nan, nan, len(frame)))


MEASURES: Mapping[str, tuple[str, Measure]] = {
    "success": ("success", success),
    "p-cheese": ("decision square, cheese outside its region", p_cheese),
    "regression": ("log-odds of the cheese per deviation", regression),
    "cheese-vector": ("P(cheese) at the decision square", cheese_vector_curves),
}
"""Title and function of each measure. Any function that returns estimates of an agent will do."""


def checkpoints_of(run: Path, most: int) -> list[Path]:
    """Return checkpoints that a run kept, oldest first, spread evenly, the last one included.

    Args:
        run: Folder of the run.
        most: Largest number of checkpoints, at least 2.

    Raises:
        ConfigError: If the run keeps fewer than two checkpoints.
    """
    files = kept_checkpoints(run, most)
    if len(files) < 2:
        raise ConfigError(
            f"{run} keeps {len(files)} checkpoints, but a training curve needs at least 2: "
            "train with trainer.keep_every=N"
        )
    return files


def measure_training_curve(
    files: Sequence[Path],
    config_of: Callable[[Agent], RunConfig],
    measures: Sequence[str],
    *,
    levels: int,
    split: Split,
    progress: ProgressCallback = lambda what, done, wanted: None,
) -> TrainingCurve:
    """Measure every checkpoint on the same levels.

    Args:
        files: Checkpoints, oldest first.
        config_of: Function that returns the config under which an agent plays.
        measures: Names of `MEASURES`.
        levels: Number of mazes of each measure.
        split: Split that the layouts come from.
        progress: Called with `checkpoints` and the numbers of them done and wanted.

    Raises:
        ConfigError: If there are too few levels.
    """
    curve = {}
    for file in counted(files, "checkpoints", progress):
        agent = load_agent(file)
        config = config_of(agent)
        point = {name: MEASURES[name][1](agent, config, levels, split) for name in measures}
        curve[agent.env_steps or 0] = point
    return curve


def training_curves_over_seeds(curves: Sequence[TrainingCurve]) -> TrainingCurve:
    """Return means over runs, with intervals, at the steps that all runs have measured.

    Raises:
        ConfigError: If the runs have no steps in common.
    """
    common = sorted(set.intersection(*map(set, curves)))
    if not common:
        raise ConfigError(
            "the runs kept no checkpoint of the same step; use one trainer.keep_every"
        )
    return {step: over_seeds([curve[step] for curve in curves]) for step in common}


def training_curve_tables(
    curve: TrainingCurve, measures: Sequence[str], spread: str
) -> dict[str, DataTable]:
    """Make a table of each measure, with a row for each checkpoint.

    Args:
        curve: Measures over training.
        measures: Names of `MEASURES`.
        spread: Units of the intervals, in words.
    """
    return {
        name: DataTable(
            MEASURES[name][0],
            [{"steps": step, **point[name]} for step, point in curve.items()],
            f"95 % intervals over {spread}",
        )
        for name in measures
    }


def _draws(config: RunConfig) -> np.random.Generator:
    return np.random.default_rng([config.eval.seed, 0x0C0])
