"""Attribute a score to the activations of a layer."""

from chisel.analysis.attribution.figures import Swap, attribution_figure
from chisel.analysis.attribution.integrated_gradients import (
    Attribution,
    Score,
    integrated_gradients,
)

__all__ = [
    "Attribution",
    "Score",
    "Swap",
    "attribution_figure",
    "integrated_gradients",
]
