"""What a maze agent does and why: vector fields, exact chains, decisions, channels, behaviour."""

from chisel.analysis.maze.attribution import log_odds
from chisel.analysis.maze.attribution_figures import Example, attribution_figure
from chisel.analysis.maze.chain import MazeChain, chain_of, fields_of
from chisel.analysis.maze.comparison import comparison_figure
from chisel.analysis.maze.decision_mazes import CHOICES, DecisionMazes, decision_mazes
from chisel.analysis.maze.effects import (
    Agreement,
    mean_total_variation,
    total_variation,
    value_agreement,
    visited_variation,
)
from chisel.analysis.maze.field_figures import contact_sheet, draw_arrows, draw_values, field_figure
from chisel.analysis.maze.fields import Observe, VectorField, mouse_at, sum_by_move, vector_field
from chisel.analysis.maze.maze_pairs import Named, with_and_without, without_cheese, world_cell
from chisel.analysis.maze.other_side import OtherSide, other_side
from chisel.analysis.maze.probing import logit_targets, maze_targets, sample_of, states_of
from chisel.analysis.maze.selective import selective_regions
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
    "CHOICES",
    "Agreement",
    "DecisionMazes",
    "Example",
    "MazeChain",
    "Named",
    "Observe",
    "OtherSide",
    "Outcomes",
    "Side",
    "VectorField",
    "attribution_figure",
    "chain_of",
    "change",
    "comparison_figure",
    "contact_sheet",
    "decision_mazes",
    "draw_arrows",
    "draw_values",
    "expected_length",
    "expected_return",
    "field_figure",
    "fields_of",
    "log_odds",
    "logit_targets",
    "maze_targets",
    "mean_total_variation",
    "mouse_at",
    "occupancy",
    "other_side",
    "outcomes",
    "reach",
    "reach_field",
    "sample_of",
    "selective_regions",
    "side_of",
    "states_of",
    "sum_by_move",
    "total_variation",
    "value_agreement",
    "vector_field",
    "visited_variation",
    "with_and_without",
    "without_cheese",
    "world_cell",
]
