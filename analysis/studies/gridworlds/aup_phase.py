"""The study `aup-phase`: outcomes by λ, with two values of the ends of episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from chisel.analysis.gridworlds import OUTCOMES, PAPER_WORLDS, outcome_figure, side_effects
from chisel.analysis.results import Request, numbers, save_figure, show, write_json
from chisel.impact import AUP, MODEL_FREE, Agent

STUDY = "aup-phase"

LAMBDAS = "0,.05,.1,.2,.4,.667,.8,.95,1.05,1.3,2,4"
ROWS = {"zero": "ends worth 0", "absorbing": "ends go on paying"}
"""By `impact.Options.ends`, words for the auxiliary values of terminal states."""

_AGENTS: Mapping[str, Agent] = {"planner": AUP, "model-free": MODEL_FREE}


def run(
    *,
    agent: Literal["planner", "model-free"] = "planner",
    lambdas: str = LAMBDAS,
    draws: int = 20,
    rewards: int = 30,
    rewards_by: Literal["board", "state"] = "state",
    worlds: str = PAPER_WORLDS,
    seed: int = 0,
    out: Path | str | None = None,
) -> Path:
    """Let AUP act with exact values at each λ, where ends are worth 0 and where they go on paying.

    Args:
        agent: The planner, or the agent that model-free AUP converges to.
        lambdas: Weights of the penalty, separated by commas.
        draws: Number of sets of auxiliary rewards; all are used at every λ.
        rewards: Number of rewards in a set.
        rewards_by: Whether rewards are drawn for every board or for every state.
        worlds: Names of worlds, separated by commas.
        seed: Seed of all random draws.
        out: Folder for the results; None is `studies/aup-phase`.

    Returns:
        The folder, with `aup-phase.json` and `aup-phase.png`.

    Raises:
        ConfigError: If an option is impossible.
    """
    asked = Request.of(STUDY, run, locals())
    names, values = side_effects.worlds_named(worlds), sorted({*numbers("lambdas", lambdas)})
    given: dict[str, Any] = {"n_rewards": rewards, "rewards_by": rewards_by}
    settings = {
        (ends, name): [
            side_effects.options_for(name, "exact", lam=value, ends=ends, **given)
            for value in values
        ]
        for ends in ROWS
        for name in names
    }
    side_effects.trials(seed, names[0], draws)  # refuses numbers before the folder is made
    folder = asked.folder()
    counts = side_effects.count_outcomes(settings, _AGENTS[agent], seed, draws)
    data = {
        "command": asked.command,
        "options": {n: asdict(side_effects.options_for(n, "exact", **given)) for n in names},
        "outcomes": OUTCOMES,
        "lambdas": values,
        "phases": [
            {"ends": ends, "world": name, "counts": rows.tolist()}
            for (ends, name), rows in counts.items()
        ],
    }
    panels = {(ROWS[ends], name): rows for (ends, name), rows in counts.items()}
    ticks = {row: [f"{value:g}" for value in values] for row in ROWS.values()}
    below_one = sum(value < 1 for value in values) - 0.5
    title = f"AUP ({agent}, exact values) by λ, {draws} draws a bar; dotted: λ = 1"
    figure = outcome_figure(panels, ticks, title, cliff=dict.fromkeys(ROWS.values(), below_one))
    with asked.results(folder):
        write_json(folder / f"{STUDY}.json", data)
        save_figure(figure, folder / f"{STUDY}.png", asked.command)
    for ends in ROWS:
        heading, row = f"AUP by λ, {ROWS[ends]}", ROWS[ends]
        of_each = {name: counts[ends, name] for name in names}
        show(side_effects.outcome_table(heading, "λ", ticks[row], of_each))
    return folder
