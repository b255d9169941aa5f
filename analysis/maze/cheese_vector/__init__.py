"""The cheese vector: how a maze agent acts when the effect of its cheese is subtracted."""

from chisel.analysis.maze.cheese_vector.conditions import Row, SeedRow, choices_frame, join_rows
from chisel.analysis.maze.cheese_vector.figures import choices_figure
from chisel.analysis.maze.cheese_vector.results import CheeseVectorResult, write_cheese_vector
from chisel.analysis.maze.cheese_vector.vector import (
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
    "CheeseVectorResult",
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
    "removed",
    "start_gap",
    "steered",
    "steering_setup",
    "sweep",
    "write_cheese_vector",
]
