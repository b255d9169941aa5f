"""The cheese vector: what a maze agent does without the activations that its cheese causes."""

from chisel.analysis.maze.cheese_vector.choices import Row, SeedRow, choices_frame, join_rows
from chisel.analysis.maze.cheese_vector.figures import curves_figure
from chisel.analysis.maze.cheese_vector.over_training import cheese_vector_curves
from chisel.analysis.maze.cheese_vector.results import CheeseVectorResult, write_cheese_vector
from chisel.analysis.maze.cheese_vector.vector import (
    Bench,
    baseline,
    bench,
    cheese_vectors,
    compared,
    moves_of,
    removed,
    start_gap,
    steered,
    sweep,
)

__all__ = [
    "Bench",
    "CheeseVectorResult",
    "Row",
    "SeedRow",
    "baseline",
    "bench",
    "cheese_vector_curves",
    "cheese_vectors",
    "choices_frame",
    "compared",
    "curves_figure",
    "join_rows",
    "moves_of",
    "removed",
    "start_gap",
    "steered",
    "sweep",
    "write_cheese_vector",
]
