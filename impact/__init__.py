"""Penalties and power: what an agent's actions leave possible. No network is trained here."""

from impact import examples, rules
from impact.copies import copies
from impact.delayed import (
    Prefix,
    Revelation,
    optimal_prefix,
    prefix_score,
    values_once_revealed,
)
from impact.expected_maximum import Maximum, expected_maximum
from impact.howard import Optimum, optimal_values
from impact.orbits import (
    Comparison,
    best_values,
    compare_orbit,
    holds_optimum,
    orbit,
    permutations,
)
from impact.penalty_and_power import PenaltyAndPower, penalty_and_power, rank_correlation
from impact.power import Integral, exact_power, integrated_power, optimality_probability
from impact.power_sampled import SampledPower, ability, sampled_power, uniform_rewards
from impact.retarget import Retargeting, lottery_preference, retargeting
from impact.transitions import TooLargeError
from impact.visits import Futures, futures, visit_distributions

__all__ = [
    "Comparison",
    "Futures",
    "Integral",
    "Maximum",
    "Optimum",
    "PenaltyAndPower",
    "Prefix",
    "Retargeting",
    "Revelation",
    "SampledPower",
    "TooLargeError",
    "ability",
    "best_values",
    "compare_orbit",
    "copies",
    "exact_power",
    "examples",
    "expected_maximum",
    "futures",
    "holds_optimum",
    "integrated_power",
    "lottery_preference",
    "optimal_prefix",
    "optimal_values",
    "optimality_probability",
    "orbit",
    "penalty_and_power",
    "permutations",
    "prefix_score",
    "rank_correlation",
    "retargeting",
    "rules",
    "sampled_power",
    "uniform_rewards",
    "values_once_revealed",
    "visit_distributions",
]
