"""Evaluate agents on levels that training has not seen, whole and with regions switched off."""

from chisel.analysis.evaluation.ablation import (
    ablation_of,
    agent_ablation_matrix,
    maze_ablation_matrix,
)
from chisel.analysis.evaluation.halves import (
    HalvesEvaluation,
    cross_own,
    evaluate_halves,
    halves_errors,
)
from chisel.analysis.evaluation.held_out import (
    PLACEMENTS,
    HeldOut,
    Placement,
    Split,
    held_out,
    held_out_levels,
    placements_of,
)
from chisel.analysis.evaluation.interventions import Interventions
from chisel.analysis.evaluation.maze import Evaluation, evaluate
from chisel.analysis.evaluation.oversight import (
    OversightEvaluation,
    OversightScore,
    evaluate_oversight,
    oversight_ceiling,
    plays_oversight,
)
from chisel.analysis.evaluation.oversight_curves import (
    OversightReturns,
    OversightSummary,
    oversight_figure,
    oversight_returns,
    oversight_table,
    summarise_oversight,
)
from chisel.analysis.evaluation.playing import Policy, action_probabilities, play, random_policy
from chisel.analysis.evaluation.scores import EFFICIENT, OUTCOMES, Score

__all__ = [
    "EFFICIENT",
    "OUTCOMES",
    "PLACEMENTS",
    "Evaluation",
    "HalvesEvaluation",
    "HeldOut",
    "Interventions",
    "OversightEvaluation",
    "OversightReturns",
    "OversightScore",
    "OversightSummary",
    "Placement",
    "Policy",
    "Score",
    "Split",
    "ablation_of",
    "action_probabilities",
    "agent_ablation_matrix",
    "cross_own",
    "evaluate",
    "evaluate_halves",
    "evaluate_oversight",
    "halves_errors",
    "held_out",
    "held_out_levels",
    "maze_ablation_matrix",
    "oversight_ceiling",
    "oversight_figure",
    "oversight_returns",
    "oversight_table",
    "placements_of",
    "play",
    "plays_oversight",
    "random_policy",
    "summarise_oversight",
]
