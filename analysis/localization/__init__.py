"""Measure where gradients fall, and whether routing localised what was learnt."""

from chisel.analysis.localization.elements import Elements
from chisel.analysis.localization.gradient_norm import SquaredGradientNorms, sides_of
from chisel.analysis.localization.report import write_localization
from chisel.analysis.localization.result import Condition, Localization, LocalizedRun, Snapshot

__all__ = [
    "Condition",
    "Elements",
    "Localization",
    "LocalizedRun",
    "Snapshot",
    "SquaredGradientNorms",
    "sides_of",
    "write_localization",
]
