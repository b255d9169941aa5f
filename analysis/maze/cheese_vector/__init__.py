"""The cheese vector, which subtracts the effect of the cheese from a maze agent's activations."""

from chisel.analysis.maze.cheese_vector.conditions import (
    Condition,
    Row,
    SeedRow,
    choices_frame,
    join_rows,
    plain_row,
)
from chisel.analysis.maze.cheese_vector.figures import (
    choices_figure,
    seeds_figure,
    sweep_figure,
)
from chisel.analysis.maze.cheese_vector.vector import (
    KINDS,
    LAYER,
    SteeringSetup,
    baseline,
    cheese_vector_curves,
    cheese_vectors,
    compared,
    moves_of,
    removed,
    start_gap,
    steered,
    steering_setup,
    sweep,
)

__all__ = [
    "KINDS",
    "LAYER",
    "Condition",
    "Row",
    "SeedRow",
    "SteeringSetup",
    "baseline",
    "cheese_vector_curves",
    "cheese_vectors",
    "choices_figure",
    "choices_frame",
    "compared",
    "join_rows",
    "moves_of",
    "plain_row",
    "removed",
    "seeds_figure",
    "start_gap",
    "steered",
    "steering_setup",
    "sweep",
    "sweep_figure",
]
