"""Impact penalties and POWER, which measure how actions change what an agent can achieve.

No network is trained here.
"""

from chisel.impact import decision_rules, examples
from chisel.impact.ablation import (
    AGENTS,
    AUP,
    MODEL_FREE,
    STANDARD,
    Agent,
    Outcomes,
    Sweep,
    ablate,
    exact_policy,
    sweep,
)
from chisel.impact.auxiliary import (
    indicator_rewards,
    optimal_actions,
    optimal_q,
    random_rewards,
    reachability,
    step_rewards,
)
from chisel.impact.delayed_specification import (
    Prefix,
    Revelation,
    optimal_prefix,
    prefix_score,
    values_once_revealed,
)
from chisel.impact.expected_maximum import Maximum, expected_maximum
from chisel.impact.options import AS_PUBLISHED, AS_RELEASED, EXACT, PRESETS, Learning, Options
from chisel.impact.orbits import (
    Comparison,
    best_values,
    compare_orbit,
    copy_involutions,
    holds_optimum,
    orbit,
    permutations,
)
from chisel.impact.penalty import Penalty, impact_of, step_penalty, utility_change
from chisel.impact.penalty_and_power import PenaltyAndPower, penalty_and_power, rank_correlation
from chisel.impact.planning import Lookahead, best_plan, lookahead, penalties
from chisel.impact.policy_iteration import Optimum, optimal_values
from chisel.impact.power import (
    Integral,
    SampledPower,
    ability,
    exact_power,
    integrated_power,
    optimality_probability,
    sampled_power,
    uniform_rewards,
)
from chisel.impact.q_learning import Learned, labels_of, learn
from chisel.impact.retargetability import Retargeting, lottery_preference, retargeting
from chisel.impact.transitions import TooLargeError
from chisel.impact.visitation import Futures, futures
from chisel.impact.worlds import Episode, World, check_world, follow, replay

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
    "copy_involutions",
    "decision_rules",
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
    "optimal_actions",
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
    "sampled_power",
    "step_penalty",
    "step_rewards",
    "sweep",
    "uniform_rewards",
    "utility_change",
    "values_once_revealed",
]
