"""Evaluate trained networks by the evaluator of their world, whole and without regions."""

from chisel.analysis.evaluation.ablation import agent_ablation_matrix
from chisel.analysis.evaluation.evaluation import Evaluation, evaluate
from chisel.analysis.evaluation.evaluator import (
    CONTRACT,
    LENGTH,
    RETURN,
    SUCCESS,
    Evaluator,
    Film,
    Games,
    Metric,
    Player,
    Rounds,
    Situation,
    agent_and_random,
    evaluator_of,
    judged_by,
    open_rounds,
    rendered_film,
    world_of,
)
from chisel.analysis.evaluation.films import FilmRecorder
from chisel.analysis.evaluation.halves import split_ratios
from chisel.analysis.evaluation.held_out import (
    PLACEMENTS,
    HeldOut,
    Placement,
    held_out,
    held_out_levels,
    placements_of,
)
from chisel.analysis.evaluation.interventions import Interventions, interventions_of, record_means
from chisel.analysis.evaluation.maze import EFFICIENT, OUTCOMES, held_out_mazes, maze_run
from chisel.analysis.evaluation.moments import Decisions
from chisel.analysis.evaluation.oversight_curves import (
    OversightReturns,
    OversightSummary,
    oversight_ceiling,
    oversight_figure,
    oversight_returns,
    oversight_table,
    summarise_oversight,
)
from chisel.analysis.evaluation.playing import (
    Facts,
    Policy,
    Split,
    Ways,
    action_probabilities,
    play,
    random_policy,
)
from chisel.analysis.evaluation.safelife import SIDE_EFFECT_RANGE, LevelGames, training_levels
from chisel.analysis.evaluation.safelife import held_out_levels as held_out_boards
from chisel.analysis.evaluation.scores import Score
from chisel.analysis.evaluation.stories import (
    Predict,
    last_moods,
    story_losses,
    story_metrics,
    token_losses,
)

__all__ = [
    "CONTRACT",
    "EFFICIENT",
    "LENGTH",
    "OUTCOMES",
    "PLACEMENTS",
    "RETURN",
    "SIDE_EFFECT_RANGE",
    "SUCCESS",
    "Decisions",
    "Evaluation",
    "Evaluator",
    "Facts",
    "Film",
    "FilmRecorder",
    "Games",
    "HeldOut",
    "Interventions",
    "LevelGames",
    "Metric",
    "OversightReturns",
    "OversightSummary",
    "Placement",
    "Player",
    "Policy",
    "Predict",
    "Rounds",
    "Score",
    "Situation",
    "Split",
    "Ways",
    "action_probabilities",
    "agent_ablation_matrix",
    "agent_and_random",
    "evaluate",
    "evaluator_of",
    "held_out",
    "held_out_boards",
    "held_out_levels",
    "held_out_mazes",
    "interventions_of",
    "judged_by",
    "last_moods",
    "maze_run",
    "open_rounds",
    "oversight_ceiling",
    "oversight_figure",
    "oversight_returns",
    "oversight_table",
    "placements_of",
    "play",
    "random_policy",
    "record_means",
    "rendered_film",
    "split_ratios",
    "story_losses",
    "story_metrics",
    "summarise_oversight",
    "token_losses",
    "training_levels",
    "world_of",
]
