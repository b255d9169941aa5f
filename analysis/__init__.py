"""What a checkpoint does and why: play, evaluation, fields, statistics, studies, figures."""

from chisel.analysis.ablation_figures import ablation_figure
from chisel.analysis.ablation_matrix import AblationMatrix, ablation_matrix
from chisel.analysis.agent_ablation import agent_ablation_matrix
from chisel.analysis.board_values import BoardModel, board_model, board_values, exact_episode
from chisel.analysis.compare import Comparison, compare
from chisel.analysis.evaluation import Evaluation, evaluate
from chisel.analysis.field_figures import contact_sheet, field_figure
from chisel.analysis.fields import VectorField, mouse_at, vector_field
from chisel.analysis.figures import save_figure
from chisel.analysis.films import write_gif
from chisel.analysis.gradient_mass import GradientMass, sides_of
from chisel.analysis.localization import Condition, Localization, LocalizedRun, Snapshot
from chisel.analysis.localization_report import write_localization
from chisel.analysis.maze_ablation import maze_ablation_matrix
from chisel.analysis.output import (
    as_typed,
    make_folder,
    provenance,
    results_folder,
    show,
    study_command,
    study_folder,
    write_json,
)
from chisel.analysis.oversight import (
    OversightEvaluation,
    OversightScore,
    evaluate_oversight,
    oversight_ceiling,
    plays_oversight,
)
from chisel.analysis.oversight_curves import (
    OversightReturns,
    OversightSummary,
    oversight_figure,
    oversight_returns,
    oversight_table,
    summarise_oversight,
)
from chisel.analysis.play import Policy, play, random_policy
from chisel.analysis.progress import progress_bars
from chisel.analysis.region_elements import Elements
from chisel.analysis.relearning import Relearning, RelearningCurve, relearning_figure
from chisel.analysis.request import Request
from chisel.analysis.scores import Score
from chisel.analysis.selective import selective_regions
from chisel.analysis.settings import runs_of
from chisel.analysis.split import SplitEvaluation, cross_own, evaluate_split, split_errors
from chisel.analysis.stats import Estimate, bootstrap_mean, mean_over_seeds, proportion
from chisel.analysis.tables import new_table

__all__ = [
    "AblationMatrix",
    "BoardModel",
    "Comparison",
    "Condition",
    "Elements",
    "Estimate",
    "Evaluation",
    "GradientMass",
    "Localization",
    "LocalizedRun",
    "OversightEvaluation",
    "OversightReturns",
    "OversightScore",
    "OversightSummary",
    "Policy",
    "Relearning",
    "RelearningCurve",
    "Request",
    "Score",
    "Snapshot",
    "SplitEvaluation",
    "VectorField",
    "ablation_figure",
    "ablation_matrix",
    "agent_ablation_matrix",
    "as_typed",
    "board_model",
    "board_values",
    "bootstrap_mean",
    "compare",
    "contact_sheet",
    "cross_own",
    "evaluate",
    "evaluate_oversight",
    "evaluate_split",
    "exact_episode",
    "field_figure",
    "make_folder",
    "maze_ablation_matrix",
    "mean_over_seeds",
    "mouse_at",
    "new_table",
    "oversight_ceiling",
    "oversight_figure",
    "oversight_returns",
    "oversight_table",
    "play",
    "plays_oversight",
    "progress_bars",
    "proportion",
    "provenance",
    "random_policy",
    "relearning_figure",
    "results_folder",
    "runs_of",
    "save_figure",
    "selective_regions",
    "show",
    "sides_of",
    "split_errors",
    "study_command",
    "study_folder",
    "summarise_oversight",
    "vector_field",
    "write_gif",
    "write_json",
    "write_localization",
]
