"""Analyses of maze agents: vector fields, exact chains, decisions, channels, behaviour."""

from chisel.analysis.maze.attribution import direct_logit_attribution, log_odds, move_logits
from chisel.analysis.maze.chain import MazeChain, chain_of, fields_of
from chisel.analysis.maze.compared_policy import ComparedPolicy, compared_policy
from chisel.analysis.maze.decision_mazes import (
    CHOICES,
    DecisionMazes,
    decision_mazes,
    move_between,
    only_cheese,
)
from chisel.analysis.maze.edit_list import (
    AblateRegion,
    AddVector,
    AnyEdit,
    EditList,
    Ingredients,
    VectorRecipe,
    read_edits,
)
from chisel.analysis.maze.effects import (
    mean_total_variation,
    total_variation,
    value_agreement,
    visited_variation,
)
from chisel.analysis.maze.field_figures import (
    comparison_figure,
    contact_sheet,
    draw_arrows,
    draw_values,
    field_figure,
)
from chisel.analysis.maze.fields import (
    Observe,
    Orientation,
    VectorField,
    mouse_at,
    move_probabilities,
    vector_field,
)
from chisel.analysis.maze.maze_policy import MazePolicy, maze_policy, policy_change
from chisel.analysis.maze.moments import (
    maze_contrast,
    maze_decisions,
    maze_evaluator,
    maze_sample,
)
from chisel.analysis.maze.probing import logit_targets, maze_targets, sample_of, states_of
from chisel.analysis.maze.selective_regions import selective_regions
from chisel.analysis.maze.solve import (
    Outcomes,
    expected_length,
    expected_return,
    occupancy,
    outcomes,
    reach,
)
from chisel.analysis.maze.states import (
    StatePair,
    held_out_states,
    layer_cell,
    view_side,
    with_and_without,
    without_cheese,
    world_cell,
)

__all__ = [
    "CHOICES",
    "AblateRegion",
    "AddVector",
    "AnyEdit",
    "ComparedPolicy",
    "DecisionMazes",
    "EditList",
    "Ingredients",
    "MazeChain",
    "MazePolicy",
    "Observe",
    "Orientation",
    "Outcomes",
    "StatePair",
    "VectorField",
    "VectorRecipe",
    "chain_of",
    "compared_policy",
    "comparison_figure",
    "contact_sheet",
    "decision_mazes",
    "direct_logit_attribution",
    "draw_arrows",
    "draw_values",
    "expected_length",
    "expected_return",
    "field_figure",
    "fields_of",
    "held_out_states",
    "layer_cell",
    "log_odds",
    "logit_targets",
    "maze_contrast",
    "maze_decisions",
    "maze_evaluator",
    "maze_policy",
    "maze_sample",
    "maze_targets",
    "mean_total_variation",
    "mouse_at",
    "move_between",
    "move_logits",
    "move_probabilities",
    "occupancy",
    "only_cheese",
    "outcomes",
    "policy_change",
    "reach",
    "read_edits",
    "sample_of",
    "selective_regions",
    "states_of",
    "total_variation",
    "value_agreement",
    "vector_field",
    "view_side",
    "visited_variation",
    "with_and_without",
    "without_cheese",
    "world_cell",
]
