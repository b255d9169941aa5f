"""Regions of an agent switched off, beside random regions of the same size."""

from chisel.analysis.ablation.figures import ablation_figure
from chisel.analysis.ablation.matrix import AblationMatrix, Context, Values, ablation_matrix
from chisel.analysis.ablation.option import Ablation, Means, Mode, name_of, parse_modes, regions_of
from chisel.analysis.ablation.relearning import Relearning, RelearningCurve, relearning_figure
from chisel.analysis.ablation.report import write_ablation
from chisel.analysis.ablation.seeds import over_seeds

__all__ = [
    "Ablation",
    "AblationMatrix",
    "Context",
    "Means",
    "Mode",
    "Relearning",
    "RelearningCurve",
    "Values",
    "ablation_figure",
    "ablation_matrix",
    "name_of",
    "over_seeds",
    "parse_modes",
    "regions_of",
    "relearning_figure",
    "write_ablation",
]
