"""Steering vectors: differences of activations, added while an agent acts, beside controls."""

from chisel.analysis.steering.cheese import (
    Bench,
    baseline,
    bench,
    cheese_vectors,
    compared,
    removed,
    start_gap,
    steered,
    sweep,
)
from chisel.analysis.steering.controls import random_like, shuffled
from chisel.analysis.steering.crossroads import Crossroads, crossroads
from chisel.analysis.steering.making import averaged, difference, mean_difference, policy_layers
from chisel.analysis.steering.maze_states import with_and_without
from chisel.analysis.steering.option import Steering, parse_steer, steering_of
from chisel.analysis.steering.rows import Row, SeedRow, choices_frame, join_rows
from chisel.analysis.steering.vectors import SteeringVector, load_vector

__all__ = [
    "Bench",
    "Crossroads",
    "Row",
    "SeedRow",
    "Steering",
    "SteeringVector",
    "averaged",
    "baseline",
    "bench",
    "cheese_vectors",
    "choices_frame",
    "compared",
    "crossroads",
    "difference",
    "join_rows",
    "load_vector",
    "mean_difference",
    "parse_steer",
    "policy_layers",
    "random_like",
    "removed",
    "shuffled",
    "start_gap",
    "steered",
    "steering_of",
    "sweep",
    "with_and_without",
]
