"""Ablate regions of an agent, beside random regions of the same size."""

from chisel.analysis.ablation.matrix import (
    AblationMatrix,
    ablation_matrix,
    over_seeds,
    paired_difference,
)
from chisel.analysis.ablation.option import (
    Ablation,
    chosen_regions,
    name_of,
    parse_modes,
    refused_by_routing,
    regions_of,
    require_regions,
)
from chisel.analysis.ablation.relearning import Relearning, RelearningCurve, relearning_figure
from chisel.analysis.ablation.report import ablation_figure, ablation_result

__all__ = [
    "Ablation",
    "AblationMatrix",
    "Relearning",
    "RelearningCurve",
    "ablation_figure",
    "ablation_matrix",
    "ablation_result",
    "chosen_regions",
    "name_of",
    "over_seeds",
    "paired_difference",
    "parse_modes",
    "refused_by_routing",
    "regions_of",
    "relearning_figure",
    "require_regions",
]
