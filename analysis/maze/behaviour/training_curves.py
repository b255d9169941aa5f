"""Training curves: measures of an agent at every checkpoint that its run kept."""

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
"""From an agent, its config, a number of levels and their split to one point of each curve."""


def success(agent: Agent, config: RunConfig, levels: int, split: Split) -> Curves:
    """Measure success, by where the cheese lies."""
    rows = misgeneralisation(agent, config, _draws(config), levels=levels, split=split)
    return {name: leaves(rows, name)[ENDS[0]] for name in rows if name != GAP}


def p_cheese(agent: Agent, config: RunConfig, levels: int, split: Split) -> Curves:
    """Measure how episodes end with a decision square and the cheese outside its region."""
    frame = decision_episodes(agent, config, levels=levels, split=split)
    return leaves(ends(frame, _draws(config)))


def regression(agent: Agent, config: RunConfig, levels: int, split: Split) -> Curves:
    """Fit coefficients of the published variables; nan where nearly all episodes end alike."""
    frame = decision_episodes(agent, config, levels=levels, split=split)
    try:
        found = regress(prepare(frame, PUBLISHED), _draws(config))
    except ConfigError:  # early in training an agent hardly ever finds the cheese
        nan = float("nan")
        return {name: Estimate(nan, nan, nan, len(frame)) for name in PUBLISHED}
    return leaves(found.to_tree(), "coefficients")


MEASURES: Mapping[str, tuple[str, Measure]] = {
    "success": ("success", success),
    "p-cheese": ("decision square, cheese outside its region", p_cheese),
    "regression": ("log-odds of the cheese per deviation", regression),
    "cheese-vector": ("P(cheese) at the decision square", cheese_vector_curves),
}
"""Title and function of each measure. Any function that returns estimates of an agent will do."""


@dataclass(frozen=True)
class TrainingCurve:
    """Measures at `T` checkpoints."""

    steps: list[int]
    """Environment steps of each checkpoint, `[T]`."""
    points: list[Tree]
    """Estimates of each curve, under the name of its measure, at each checkpoint, `[T]`."""

    def curve(self, measure: str, name: str) -> list[Estimate]:
        """Return one curve, `[T]`."""
        return [leaves(point, measure)[name] for point in self.points]

    def names(self, measure: str) -> list[str]:
        """Return the names of the curves that every checkpoint has."""
        first, *rest = [leaves(point, measure) for point in self.points]
        return [name for name in first if all(name in point for point in rest)]


def checkpoints_of(run: Path, most: int) -> list[Path]:
    """Return checkpoints that a run kept, oldest first, spread evenly, the last one included.

    Args:
        run: Folder of the run.
        most: Number of checkpoints at most.

    Raises:
        ConfigError: If the run keeps fewer than two checkpoints, or `most` is below two.
    """
    if most < 2:
        raise ConfigError(f"points={most}: at least 2")
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
    progress: Callable[[int, int], None] = lambda done, wanted: None,
) -> TrainingCurve:
    """Measure every checkpoint on the same levels.

    Args:
        files: Checkpoints, oldest first.
        config_of: Returns the config under which an agent plays.
        measures: Names of `MEASURES`.
        levels: Number of mazes of each measure.
        split: Split that the layouts come from.
        progress: Called with the numbers of checkpoints done and wanted.

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
        progress(number + 1, len(files))
    return TrainingCurve(steps, list(points))


def training_curves_over_seeds(curves: Sequence[TrainingCurve]) -> TrainingCurve:
    """Return means over runs, with intervals, at the steps that all runs have measured.

    Raises:
        ConfigError: If the runs have no steps in common.
    """
    common = sorted(set.intersection(*(set(curve.steps) for curve in curves)))
    if not common:
        raise ConfigError(
            "the runs kept no checkpoint of the same step; use one trainer.keep_every"
        )
    points = [
        over_seeds([curve.points[curve.steps.index(step)] for curve in curves]) for step in common
    ]
    return TrainingCurve(common, points)


def _draws(config: RunConfig) -> np.random.Generator:
    return np.random.default_rng([config.eval.seed, 0x0C0])
