"""Measures of an agent at every checkpoint that its run kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chisel.analysis.evaluation import Split
from chisel.analysis.maze.behaviour.episodes import decision_episodes
from chisel.analysis.maze.behaviour.metrics import PUBLISHED
from chisel.analysis.maze.behaviour.regression import prepare, regress
from chisel.analysis.maze.behaviour.summary import ENDS, GAP, ends, misgeneralisation
from chisel.analysis.maze.cheese_vector import cheese_vector_curves
from chisel.analysis.results import Estimate, Tree, leaves, over_seeds
from chisel.configs import ConfigError, RunConfig
from chisel.models import Agent, kept_checkpoints, load_agent

Curves = dict[str, Estimate]
Measure = Callable[[Agent, RunConfig, int, Split], Curves]
"""From an agent, its config, a number of levels and their split to a point of each curve."""


def success(agent: Agent, config: RunConfig, levels: int, split: Split) -> Curves:
    """Success by where the cheese lies."""
    rows = misgeneralisation(agent, config, _draws(config), levels=levels, split=split)
    return {name: leaves(rows, name)[ENDS[0]] for name in rows if name != GAP}


def p_cheese(agent: Agent, config: RunConfig, levels: int, split: Split) -> Curves:
    """How episodes end that have a decision square, the cheese outside its region."""
    frame = decision_episodes(agent, config, levels=levels, split=split)
    return leaves(ends(frame, _draws(config)))


def regression(agent: Agent, config: RunConfig, levels: int, split: Split) -> Curves:
    """Coefficients of the published variables; none where nearly all episodes end alike."""
    frame = decision_episodes(agent, config, levels=levels, split=split)
    try:
        found = regress(prepare(frame, PUBLISHED), _draws(config))
    except ConfigError:  # a young agent hardly ever finds the cheese
        nan = float("nan")
        return {name: Estimate(nan, nan, nan, len(frame)) for name in PUBLISHED}
    return leaves(found.to_tree(), "coefficients")


MEASURES: Mapping[str, tuple[str, Measure]] = {
    "success": ("success", success),
    "p-cheese": ("decision square, cheese outside its region", p_cheese),
    "regression": ("log-odds of the cheese per deviation", regression),
    "cheese-vector": ("P(cheese) at the decision square", cheese_vector_curves),
}
"""Words and function of each. Whatever gives estimates of an agent can stand here."""


@dataclass(frozen=True)
class TrainingCurve:
    """Measures over training."""

    steps: list[int]
    """Environment steps of each checkpoint `[T]`."""
    points: list[Tree]
    """At each checkpoint, the curves' estimates under each measure's name `[T]`."""

    def curve(self, measure: str, name: str) -> list[Estimate]:
        """One curve `[T]`."""
        return [leaves(point, measure)[name] for point in self.points]

    def names(self, measure: str) -> list[str]:
        """The curves that are there at every checkpoint."""
        first, *rest = [leaves(point, measure) for point in self.points]
        return [name for name in first if all(name in point for point in rest)]


def checkpoints_of(run: Path, most: int) -> list[Path]:
    """Checkpoints that a run kept, oldest first: at most so many, spread evenly, the last included.

    Raises:
        ConfigError: If it keeps fewer than two, or fewer than two are asked for.
    """
    if most < 2:
        raise ConfigError(f"points={most}: at least 2")
    files = kept_checkpoints(run, most)
    if len(files) < 2:
        raise ConfigError(
            f"{run} keeps {len(files)} checkpoints, but a course of training needs at least 2: "
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
    progress: Callable[[int, int], None] | None = None,
) -> TrainingCurve:
    """Measure every checkpoint on the same levels.

    Args:
        files: Checkpoints, oldest first.
        config_of: The config to play an agent under.
        measures: Names in `MEASURES`.
        levels: How many mazes for each.
        split: Which layouts.
        progress: Called with checkpoints done and wanted.

    Raises:
        ConfigError: If a measure is unknown or there are too few levels.
    """
    unknown = [name for name in measures if name not in MEASURES]
    if unknown:
        raise ConfigError(f"measure={unknown[0]}: known are {', '.join(MEASURES)}")
    steps, points = [], []
    for number, file in enumerate(files):
        agent = load_agent(file)
        config = config_of(agent)
        points.append({name: MEASURES[name][1](agent, config, levels, split) for name in measures})
        steps.append(agent.env_steps or 0)
        if progress is not None:
            progress(number + 1, len(files))
    return TrainingCurve(steps, list(points))


def training_curves_over_seeds(courses: Sequence[TrainingCurve]) -> TrainingCurve:
    """Means over runs at the steps that all have measured, with intervals over them.

    Raises:
        ConfigError: If the runs have no steps in common.
    """
    common = sorted(set.intersection(*(set(course.steps) for course in courses)))
    if not common:
        raise ConfigError(
            "the runs kept no checkpoint of the same step; use one trainer.keep_every"
        )
    points = [
        over_seeds([course.points[course.steps.index(step)] for course in courses])
        for step in common
    ]
    return TrainingCurve(common, points)


def _draws(config: RunConfig) -> np.random.Generator:
    return np.random.default_rng([config.eval.seed, 0x0C0])
