"""Side effects and POWER in gridworlds: AUP tables, delayed specification, maps and orbits."""

from chisel.analysis.gridworlds.aup_figures import (
    Cell,
    ablation_grid,
    learning_figure,
    outcome_figure,
)
from chisel.analysis.gridworlds.delayed import find_task
from chisel.analysis.gridworlds.delayed_figures import residuals_figure
from chisel.analysis.gridworlds.delayed_residuals import (
    REFERENCE,
    Regret,
    Residual,
    Setting,
    residuals,
)
from chisel.analysis.gridworlds.exact_values import (
    BoardModel,
    board_model,
    board_values,
    exact_episode,
)
from chisel.analysis.gridworlds.orbit_figures import orbits_figure
from chisel.analysis.gridworlds.power_figures import map_figure, penalty_figure
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
from chisel.analysis.gridworlds.side_effects import OUTCOMES, PAPER_WORLDS, Keys, Preset
from chisel.analysis.gridworlds.tabular import check_at_least, no_nan, origin, refusals

__all__ = [
    "OUTCOMES",
    "PAPER_WORLDS",
    "REFERENCE",
    "BoardModel",
    "Cell",
    "CellPower",
    "ClosedForm",
    "Keys",
    "OrbitCount",
    "Place",
    "Preset",
    "Reference",
    "Regret",
    "Residual",
    "Setting",
    "StatePower",
    "ablation_grid",
    "beside_reference",
    "board_model",
    "board_values",
    "by_cell",
    "check_at_least",
    "closed_forms",
    "exact_episode",
    "find_place",
    "find_task",
    "learning_figure",
    "map_figure",
    "no_nan",
    "orbit_counts",
    "orbits_figure",
    "origin",
    "outcome_figure",
    "penalty_figure",
    "refusals",
    "residuals",
    "residuals_figure",
    "state_power",
]
