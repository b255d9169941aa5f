"""Where a maze agent goes, and what explains it: episodes, metrics, regression, validation."""

from chisel.analysis.behaviour.corners import cheese_in_corners
from chisel.analysis.behaviour.episodes import decision_episodes, plain_episodes
from chisel.analysis.behaviour.heat import HeatMap, heat_map
from chisel.analysis.behaviour.metrics import METRICS, PUBLISHED, maze_metrics
from chisel.analysis.behaviour.over_training import MEASURES
from chisel.analysis.behaviour.regression import Data, Regression, inflation, prepare, regress
from chisel.analysis.behaviour.run import Behaviour, behaviour, statistics
from chisel.analysis.behaviour.signs import SignTest, sign_flips
from chisel.analysis.behaviour.summary import misgeneralisation
from chisel.analysis.behaviour.validation import Validation, cross_validate, drop_one
from chisel.analysis.frame import Frame
from chisel.analysis.tree import Tree, over_seeds

__all__ = [
    "MEASURES",
    "METRICS",
    "PUBLISHED",
    "Behaviour",
    "Data",
    "Frame",
    "HeatMap",
    "Regression",
    "SignTest",
    "Tree",
    "Validation",
    "behaviour",
    "cheese_in_corners",
    "cross_validate",
    "decision_episodes",
    "drop_one",
    "heat_map",
    "inflation",
    "maze_metrics",
    "misgeneralisation",
    "over_seeds",
    "plain_episodes",
    "prepare",
    "regress",
    "sign_flips",
    "statistics",
]
