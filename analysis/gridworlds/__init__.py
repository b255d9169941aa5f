"""Analyse side effects and POWER in gridworlds: AUP, delayed specification, maps and orbits."""

from chisel.analysis.gridworlds.aup_figures import (
    Passes,
    comparison_grid,
    learning_figure,
    outcome_figure,
    residuals_figure,
)
from chisel.analysis.gridworlds.delayed import find_task
from chisel.analysis.gridworlds.delayed_residuals import (
    REFERENCE,
    Regret,
    Residual,
    residuals,
)
from chisel.analysis.gridworlds.exact_values import board_values, exact_episode
from chisel.analysis.gridworlds.power_figures import map_figure, orbits_figure, penalty_figure
from chisel.analysis.gridworlds.power_map import (
    CellPower,
    Place,
    Reference,
    StatePower,
    beside_reference,
    by_cell,
    find_place,
    state_power,
)
from chisel.analysis.gridworlds.power_orbits import (
    ClosedForm,
    OrbitCount,
    closed_forms,
    orbit_counts,
)
from chisel.analysis.gridworlds.side_effects import (
    OUTCOMES,
    PAPER_WORLDS,
    Keys,
    Preset,
    share_of_passes,
)
from chisel.analysis.gridworlds.ways import tempting_starts, ways_of

__all__ = [
    "OUTCOMES",
    "PAPER_WORLDS",
    "REFERENCE",
    "CellPower",
    "ClosedForm",
    "Keys",
    "OrbitCount",
    "Passes",
    "Place",
    "Preset",
    "Reference",
    "Regret",
    "Residual",
    "StatePower",
    "beside_reference",
    "board_values",
    "by_cell",
    "closed_forms",
    "comparison_grid",
    "exact_episode",
    "find_place",
    "find_task",
    "learning_figure",
    "map_figure",
    "orbit_counts",
    "orbits_figure",
    "outcome_figure",
    "penalty_figure",
    "residuals",
    "residuals_figure",
    "share_of_passes",
    "state_power",
    "tempting_starts",
    "ways_of",
]
