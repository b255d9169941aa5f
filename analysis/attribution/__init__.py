"""Attribution: how much each activation of a layer adds to a score."""

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
