"""Analyse SafeLife: replay recorded episodes, and compare agents by reward and side effects."""

from chisel.analysis.safelife.agents import (
    Played,
    evaluation_settings,
    methods_of,
    played_episodes,
    require_safelife,
    strength_of,
)
from chisel.analysis.safelife.comparison import (
    FEWEST_SETS,
    Method,
    Point,
    against_idle,
    at_reward,
    comparison_figure,
    difference_at_reward,
    least_side_effect,
    paper_curves,
)
from chisel.analysis.safelife.replay import ASPECTS, Replay, replay
from chisel.analysis.safelife.trace import Trace, read_trace, traces_in
from chisel.analysis.safelife.ways import sampled_ways, tempting_levels

__all__ = [
    "ASPECTS",
    "FEWEST_SETS",
    "Method",
    "Played",
    "Point",
    "Replay",
    "Trace",
    "against_idle",
    "at_reward",
    "comparison_figure",
    "difference_at_reward",
    "evaluation_settings",
    "least_side_effect",
    "methods_of",
    "paper_curves",
    "played_episodes",
    "read_trace",
    "replay",
    "require_safelife",
    "sampled_ways",
    "strength_of",
    "tempting_levels",
    "traces_in",
]
