"""The study `edits`: play held-out mazes without and with the edits of a session of the lab."""

from __future__ import annotations

import json
import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np

from chisel.analysis.evaluation import (
    OUTCOMES,
    Facts,
    Player,
    Split,
    held_out,
    maze_run,
    placements_of,
)
from chisel.analysis.maze import EditList, Ingredients, read_edits
from chisel.analysis.results import (
    Count,
    DataTable,
    Range,
    Result,
    Seed,
    change_over_layouts,
    mean_over_layouts,
)
from chisel.configs import ConfigError
from chisel.models import Agent

_SHARE = (0.0, 1.0)


def run(
    checkpoint: Agent,
    *,
    session: str,
    slot: Literal["A", "B"] = "A",
    levels: Count = 500,
    split: Split = "validation",
    seed: Seed = 1000,
) -> Result:
    """Play held-out mazes without and with a list of edits, made in the browser lab or by hand.

    Both play the same mazes with the same draws of actions. Vectors are those of the session: a
    vector that was made from a maze drawn there is added in every maze here.

    Args:
        checkpoint: A maze agent.
        session: JSON file that the lab saved, or a list of edits; see `read_edits`.
        slot: The session's agent whose edits are taken, A or B.
        levels: Number of mazes, for each placement of the cheese.
        split: Split that the layouts come from. Choose edits on validation, and report on test
            once.
        seed: Seed of the order of the mazes and of the actions.

    Returns:
        The metrics without and with the edits and their changes, for each placement of the cheese,
        in a table.

    Raises:
        ConfigError: If the file holds no edits, or one does not fit the agent.
        CheckpointError: If a vector's file is missing.
    """
    plain = _edits_in(session, "AB".index(slot))
    config = maze_run(checkpoint)
    edits = EditList(Ingredients(checkpoint, checkpoint.source.parent), read_edits(plain))
    generator = np.random.default_rng([seed, 0])
    rows: list[dict[str, Any]] = []
    for placement in placements_of(config.env):
        with held_out(checkpoint, config, placement, levels=levels, split=split) as mazes:
            original, edited = (
                mazes.play(Player(name, checkpoint.policy, context=context), (seed,))
                for name, context in (("original", nullcontext), ("edited", edits))
            )
        rows += [
            _row(placement, name, original, edited, within, generator)
            for name, within in _measures(config.env.goals).items()
        ]
    table = DataTable(
        "edits",
        rows,
        caption=f"{levels} mazes of the {split} split; each layout weighs the same",
        key=("cheese", "measure"),
        spread="95 % intervals over layouts",
    )
    data = {"edits": plain, "coefficients": edits.coefficients}
    return Result(data=data, tables={"edits": table})


def _measures(goals: str) -> dict[str, Range]:
    ends = {"success": _SHARE} if goals == "cheese" else {f"P({one})": _SHARE for one in OUTCOMES}
    return {**ends, "length": (0.0, math.inf)}


def _row(
    placement: str,
    name: str,
    before: Facts,
    after: Facts,
    within: Range,
    generator: np.random.Generator,
) -> dict[str, Any]:
    one, other, layouts = _values(name, before), _values(name, after), before["layout"]
    return {
        "cheese": placement,
        "measure": name,
        "original": mean_over_layouts(one, layouts, generator, within=within),
        "edited": mean_over_layouts(other, layouts, generator, within=within),
        "change": change_over_layouts(other, one, layouts, generator, within=within),
    }


def _values(name: str, facts: Facts) -> Any:
    if name in ("success", "length"):
        values = facts["success" if name == "success" else "l"].astype(np.float64)
    else:
        values = (facts["outcome"] == OUTCOMES.index(name[2:-1])).astype(np.float64)
    # Levels with no way to a goal count in no metric, as in `chisel eval`.
    return np.where(facts["shortest_path"] >= 0, values, np.nan)


def _edits_in(file: str, slot: int) -> Any:
    if not Path(file).is_file():
        raise ConfigError(f"session={file}: there is no such file; the lab saves one (Session)")
    try:
        found = json.loads(Path(file).read_text(encoding="utf-8"))
        plain = found["slots"][slot]["edits"] if isinstance(found, dict) else found
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ConfigError(
            f"session={file}: holds no edits for agent {'AB'[slot]} ({error})"
        ) from None
    if not any(one.on for one in read_edits(plain)):
        raise ConfigError(f"session={file}: none of its edits is on")
    return plain
