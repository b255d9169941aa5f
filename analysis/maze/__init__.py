"""Exact figures of a policy in a maze: a Markov chain over squares and the way the mouse faces."""

from chisel.analysis.maze.chain import MazeChain, chain_of, fields_of
from chisel.analysis.maze.comparison import comparison_figure
from chisel.analysis.maze.effects import (
    Agreement,
    mean_total_variation,
    total_variation,
    value_agreement,
    visited_variation,
)
from chisel.analysis.maze.sides import Side, change, side_of
from chisel.analysis.maze.solve import (
    Outcomes,
    expected_length,
    expected_return,
    occupancy,
    outcomes,
    reach,
    reach_field,
)

__all__ = [
    "Agreement",
    "MazeChain",
    "Outcomes",
    "Side",
    "chain_of",
    "change",
    "comparison_figure",
    "expected_length",
    "expected_return",
    "fields_of",
    "mean_total_variation",
    "occupancy",
    "outcomes",
    "reach",
    "reach_field",
    "side_of",
    "total_variation",
    "value_agreement",
    "visited_variation",
]
