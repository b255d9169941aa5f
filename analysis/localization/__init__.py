"""Measure where gradients fall, and whether routing localised what an agent learnt."""

from chisel.analysis.localization.elements import Elements
from chisel.analysis.localization.gradient_norm import SquaredGradientNorms, sides_of
from chisel.analysis.localization.report import localization_result
from chisel.analysis.localization.result import Condition, Localization, LocalizedRun, Snapshot

__all__ = [
    "Condition",
    "Elements",
    "Localization",
    "LocalizedRun",
    "Snapshot",
    "SquaredGradientNorms",
    "localization_result",
    "sides_of",
]
