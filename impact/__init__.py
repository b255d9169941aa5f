"""Impact penalties on worlds given as tables: AUP in its forms, exact and learned."""

from impact.ablation import Outcomes, Sweep, ablate, sweep
from impact.agents import AGENTS, AUP, MODEL_FREE, STANDARD, Agent, exact_policy
from impact.auxiliary import indicator_rewards, random_rewards, step_rewards
from impact.episodes import Episode, follow, replay
from impact.learning import Learned, labels_of, learn
from impact.lookahead import Lookahead, lookahead
from impact.options import AS_PUBLISHED, AS_RELEASED, EXACT, PRESETS, Learning, Options
from impact.penalty import Penalty, impact_of, step_penalty
from impact.planning import best_plan, penalties
from impact.values import optimal_q, reachability
from impact.worlds import World, check_world

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
    "Episode",
    "Learned",
    "Learning",
    "Lookahead",
    "Options",
    "Outcomes",
    "Penalty",
    "Sweep",
    "World",
    "ablate",
    "best_plan",
    "check_world",
    "exact_policy",
    "follow",
    "impact_of",
    "indicator_rewards",
    "labels_of",
    "learn",
    "lookahead",
    "optimal_q",
    "penalties",
    "random_rewards",
    "reachability",
    "replay",
    "step_penalty",
    "step_rewards",
    "sweep",
]
