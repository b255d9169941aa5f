"""The study `aup-phase`: count AUP's outcomes by λ, with two values of terminal states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from chisel.analysis.gridworlds import OUTCOMES, PAPER_WORLDS, outcome_figure, side_effects
from chisel.analysis.results import Count, ProgressCallback, Result, Seed, Within
from chisel.impact import AUP, MODEL_FREE, Agent

LAMBDAS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.667, 0.8, 0.95, 1.05, 1.3, 2.0, 4.0)
ROWS = {"zero": "ends worth 0", "absorbing": "ends go on paying"}
"""Words for the auxiliary values of terminal states, by `impact.Options.ends`."""

_AGENTS: Mapping[str, Agent] = {"planner": AUP, "model-free": MODEL_FREE}


def run(
    *,
    agent: Literal["planner", "model-free"] = "planner",
    lambdas: tuple[Annotated[float, Within(0)], ...] = LAMBDAS,
    draws: Count = 20,
    rewards: Annotated[int, Within(0)] = 30,
    rewards_by: Literal["board", "state"] = "state",
    worlds: tuple[str, ...] = PAPER_WORLDS,
    seed: Seed = 0,
    progress: ProgressCallback,
) -> Result:
    """Let AUP act with exact values at each λ, with and without rewards after an episode's end.

    Args:
        agent: The planner, or the agent that model-free AUP converges to.
        lambdas: Weights of the penalty.
        draws: Number of sets of auxiliary rewards; all are used at every λ.
        rewards: Number of rewards in a set.
        rewards_by: Whether a reward is drawn for every board or for every state.
        worlds: Gridworlds.
        seed: Seed of all random draws.
        progress: Called with a label, the amount done and the amount wanted.

    Returns:
        The number of draws with each outcome, a table for each value of the ends, and a figure.

    Raises:
        ConfigError: If a world is unknown.
    """
    values = sorted(lambdas)
    given: dict[str, Any] = {"n_rewards": rewards, "rewards_by": rewards_by}
    options = {name: side_effects.options_for(name, "exact", **given) for name in worlds}
    points = {
        (ends, name): [
            side_effects.options_for(name, "exact", lam=value, ends=ends, **given)
            for value in values
        ]
        for ends in ROWS
        for name in worlds
    }
    counts = side_effects.count_outcomes(points, _AGENTS[agent], seed, draws, progress)
    data = {
        "options": options,
        "outcomes": OUTCOMES,
        "lambdas": values,
        "phases": [
            {"ends": ends, "world": name, "counts": rows} for (ends, name), rows in counts.items()
        ],
    }
    tables = {
        f"ends-{ends}": side_effects.outcome_table(
            f"AUP by λ, {row}", "λ", values, {name: counts[ends, name] for name in worlds}
        )
        for ends, row in ROWS.items()
    }
    figure = outcome_figure(
        {(ROWS[ends], name): rows for (ends, name), rows in counts.items()},
        dict.fromkeys(ROWS.values(), values),
        f"AUP ({agent}, exact values) by λ, {draws} draws a bar; dotted: λ = 1",
        cliff=sum(value < 1 for value in values) - 0.5,
    )
    return Result(data, tables, {"aup-phase": figure})
