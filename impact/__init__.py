"""Penalties and power: what an agent's actions leave possible. No network is trained here."""

from chisel.impact import examples, rules
from chisel.impact.ablation import Outcomes, Sweep, ablate, sweep
from chisel.impact.agents import AGENTS, AUP, MODEL_FREE, STANDARD, Agent, exact_policy
from chisel.impact.auxiliary import indicator_rewards, random_rewards, step_rewards
from chisel.impact.copies import copies
from chisel.impact.delayed import (
    Prefix,
    Revelation,
    optimal_prefix,
    prefix_score,
    values_once_revealed,
)
from chisel.impact.episodes import Episode, follow, replay
from chisel.impact.expected_maximum import Maximum, expected_maximum
from chisel.impact.howard import Optimum, optimal_values
from chisel.impact.learning import Learned, labels_of, learn
from chisel.impact.lookahead import Lookahead, lookahead
from chisel.impact.options import AS_PUBLISHED, AS_RELEASED, EXACT, PRESETS, Learning, Options
from chisel.impact.orbits import (
    Comparison,
    best_values,
    compare_orbit,
    holds_optimum,
    orbit,
    permutations,
)
from chisel.impact.penalty import Penalty, impact_of, step_penalty
from chisel.impact.penalty_and_power import PenaltyAndPower, penalty_and_power, rank_correlation
from chisel.impact.planning import best_plan, penalties
from chisel.impact.power import Integral, exact_power, integrated_power, optimality_probability
from chisel.impact.power_sampled import SampledPower, ability, sampled_power, uniform_rewards
from chisel.impact.retarget import Retargeting, lottery_preference, retargeting
from chisel.impact.transitions import TooLargeError
from chisel.impact.values import optimal_q, reachability
from chisel.impact.visits import Futures, futures, visit_distributions
from chisel.impact.worlds import World, check_world

__all__ = [
    "AGENTS",
    "AS_PUBLISHED",
    "AS_RELEASED",
    "AUP",
    "EXACT",
    "MODEL_FREE",
    "PRESETS",
    "STANDARD",
    "Agent",
    "Comparison",
    "Episode",
    "Futures",
    "Integral",
    "Learned",
    "Learning",
    "Lookahead",
    "Maximum",
    "Optimum",
    "Options",
    "Outcomes",
    "Penalty",
    "PenaltyAndPower",
    "Prefix",
    "Retargeting",
    "Revelation",
    "SampledPower",
    "Sweep",
    "TooLargeError",
    "World",
    "ability",
    "ablate",
    "best_plan",
    "best_values",
    "check_world",
    "compare_orbit",
    "copies",
    "exact_policy",
    "exact_power",
    "examples",
    "expected_maximum",
    "follow",
    "futures",
    "holds_optimum",
    "impact_of",
    "indicator_rewards",
    "integrated_power",
    "labels_of",
    "learn",
    "lookahead",
    "lottery_preference",
    "optimal_prefix",
    "optimal_q",
    "optimal_values",
    "optimality_probability",
    "orbit",
    "penalties",
    "penalty_and_power",
    "permutations",
    "prefix_score",
    "random_rewards",
    "rank_correlation",
    "reachability",
    "replay",
    "retargeting",
    "rules",
    "sampled_power",
    "step_penalty",
    "step_rewards",
    "sweep",
    "uniform_rewards",
    "values_once_revealed",
    "visit_distributions",
]
