"""Attribution: how much of a decision each number of a layer accounts for."""

from chisel.analysis.attribution.integrated_gradients import (
    Attribution,
    Score,
    integrated_gradients,
)

__all__ = [
    "Attribution",
    "Score",
    "integrated_gradients",
]
