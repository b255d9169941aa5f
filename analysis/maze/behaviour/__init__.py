"""Measure and explain an agent's choices in mazes: episodes, metrics, regression, validation."""

from chisel.analysis.maze.behaviour.agent_statistics import Behaviour, behaviour, statistics
from chisel.analysis.maze.behaviour.episodes import decision_episodes
from chisel.analysis.maze.behaviour.figures import (
    correlation_figure,
    ends_figure,
    field_frames,
    heat_figure,
    regions_figure,
    regression_figure,
    training_curve_figure,
)
from chisel.analysis.maze.behaviour.metrics import METRICS, PUBLISHED, maze_metrics
from chisel.analysis.maze.behaviour.region_sweep import (
    RegionAgent,
    by_region,
    largest_region,
    measure_agent,
    require_alike,
    side_of,
)
from chisel.analysis.maze.behaviour.regression import (
    Data,
    Regression,
    inflation,
    prepare,
    regress,
    sign_flips,
)
from chisel.analysis.maze.behaviour.summary import (
    ENDS,
    GAP,
    OFF,
    ON,
    cheese_in_corners,
    misgeneralisation,
)
from chisel.analysis.maze.behaviour.tables import ORIGINS, heat_map, tables_of
from chisel.analysis.maze.behaviour.training_curves import (
    MEASURES,
    TrainingCurve,
    checkpoints_of,
    measure_training_curve,
    training_curve_tables,
    training_curves_over_seeds,
)
from chisel.analysis.maze.behaviour.validation import Validation, cross_validate, drop_one

__all__ = [
    "ENDS",
    "GAP",
    "MEASURES",
    "METRICS",
    "OFF",
    "ON",
    "ORIGINS",
    "PUBLISHED",
    "Behaviour",
    "Data",
    "RegionAgent",
    "Regression",
    "TrainingCurve",
    "Validation",
    "behaviour",
    "by_region",
    "checkpoints_of",
    "cheese_in_corners",
    "correlation_figure",
    "cross_validate",
    "decision_episodes",
    "drop_one",
    "ends_figure",
    "field_frames",
    "heat_figure",
    "heat_map",
    "inflation",
    "largest_region",
    "maze_metrics",
    "measure_agent",
    "measure_training_curve",
    "misgeneralisation",
    "prepare",
    "regions_figure",
    "regress",
    "regression_figure",
    "require_alike",
    "side_of",
    "sign_flips",
    "statistics",
    "tables_of",
    "training_curve_figure",
    "training_curve_tables",
    "training_curves_over_seeds",
]
