"""Steering vectors: differences of activations that are added while an agent acts, and controls."""

from chisel.analysis.steering.differences import (
    activations,
    averaged,
    check_observations,
    default_layer,
    difference,
    mean_difference,
    named_layers,
    policy_layers,
)
from chisel.analysis.steering.figures import curves_figure
from chisel.analysis.steering.steer_option import Steering, parse_steer, steering_of
from chisel.analysis.steering.vectors import (
    SteeringVector,
    load_vector,
    random_like,
    shape_of,
    shuffled,
)

__all__ = [
    "Steering",
    "SteeringVector",
    "activations",
    "averaged",
    "check_observations",
    "curves_figure",
    "default_layer",
    "difference",
    "load_vector",
    "mean_difference",
    "named_layers",
    "parse_steer",
    "policy_layers",
    "random_like",
    "shape_of",
    "shuffled",
    "steering_of",
]
