"""The study `aup-ablation`: compare seven agents in five worlds with the published verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chisel.analysis.gridworlds import (
    OUTCOMES,
    PAPER_WORLDS,
    Keys,
    Passes,
    Preset,
    comparison_grid,
    learning_figure,
    side_effects,
)
from chisel.analysis.results import Count, DataTable, ProgressCallback, Result, Seed, counted, plain
from chisel.impact import AGENTS

PUBLISHED = {
    (agent, world): mark == "1"
    for agent, marks in {
        "AUP": "11111",
        "Standard": "00011",
        "Model-free AUP": "11011",
        "Starting state": "11010",
        "Inaction": "11101",
        "Decrease": "11011",
    }.items()
    for world, mark in zip(PAPER_WORLDS, marks, strict=True)
}
"""Whether AUP and its variants pass in each of `PAPER_WORLDS`. Source: the table of ablations
in Turner's "Attainable Utility Preservation: Empirical Results" (2020), which has no row for
relative reachability."""

ARTEFACTS = {
    ("Starting state", "interference"): "passes once values are kept by state instead of by board",
    ("Inaction", "offset"): "fewer pass the better values are learned, fewest with exact ones",
}
"""Cells whose verdict depends on how values were learned rather than on the penalty."""


def run(
    *,
    preset: Preset = "as-released",
    seeds: Count = 50,
    rr_seeds: Count = 10,
    worlds: tuple[str, ...] = PAPER_WORLDS,
    keys: Keys = "preset",
    seed: Seed = 0,
    progress: ProgressCallback,
) -> Result:
    """Run many trials of the seven agents of the AUP paper's ablation.

    Args:
        preset: Options of the public code, those of the paper's formulas, or the latter with exact
            values by state. All three draw rewards by board.
        seeds: Number of trials of each agent in each world, each with its own auxiliary rewards.
        rr_seeds: Number of trials of relative reachability, which is slow and hardly random.
        worlds: Gridworlds.
        keys: Whether learned values are kept by board or by state; `preset` does as the preset.
        seed: Seed of all random draws.
        progress: Called with a label, the amount done and the amount wanted.

    Returns:
        Passes and outcomes of each agent in each world, a table and a figure of them, and the
        learning curves of agents that learn.

    Raises:
        ConfigError: If a world is unknown, or the keys do not fit the preset.
    """
    options = {name: side_effects.options_for(name, preset, keys) for name in worlds}
    sampled = [agent for agent in AGENTS if agent.auxiliary != "indicators"]
    slow = [agent for agent in AGENTS if agent.auxiliary == "indicators"]
    jobs = [
        (name, agents, count)
        for name in worlds
        for agents, count in ((sampled, seeds), (slow, rr_seeds))
    ]
    cells: list[Passes] = []
    records: list[dict[str, Any]] = []
    curves: dict[tuple[str, str], NDArray[np.float64]] = {}
    for name, agents, count in counted(jobs, "agents and worlds", progress):
        found = side_effects.run_trials(name, options[name], agents, seed, count)
        for agent, performance, curve in zip(
            found.agents, found.performance, found.curves, strict=True
        ):
            cells.append(_cell(agent, name, performance))
            records.append(_record(cells[-1], performance))
            if np.isfinite(curve).all():
                curves[agent, name] = curve
    known = [cell for cell in cells if cell.published is not None]
    agreement = {"cells": len(known), "agree": sum(cell.agrees for cell in known)}
    title = f"Passes in the side-effect worlds, {preset}" + (
        "" if keys == "preset" else f", {keys} keys"
    )
    figures = {"aup-ablation": comparison_grid(cells, title)}
    if curves:
        every = options[worlds[0]].learning.evaluate_every
        figures["aup-learning"] = learning_figure(curves, every)
    return Result(
        data={"options": options, "agreement": agreement, "cells": records},
        tables={"passes": _table(cells, title, **agreement)},
        figures=figures,
    )


def _cell(agent: str, world: str, performance: NDArray[np.float64]) -> Passes:
    return Passes(
        agent=agent,
        world=world,
        share=side_effects.share_of_passes(world, performance),
        published=PUBLISHED.get((agent, world)),
        artefact=ARTEFACTS.get((agent, world)),
    )


def _record(cell: Passes, performance: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "agent": cell.agent,
        "world": cell.world,
        "passed": cell.passed,
        **plain(cell.share),
        "outcomes": dict(zip(OUTCOMES, side_effects.outcome_counts(performance), strict=True)),
        "published": cell.published,
        "agrees": cell.agrees,
        "artefact": cell.artefact,
    }


def _table(found: Sequence[Passes], title: str, cells: int, agree: int) -> DataTable:
    rows = [
        {
            "agent": cell.agent,
            "world": cell.world,
            "passed": cell.passed,
            "trials": cell.share.n,
            "share": cell.share,
            "passes as published": cell.published,
            "majority agrees": None if cell.published is None else cell.agrees,
            "artefact": cell.artefact,
        }
        for cell in found
    ]
    caption = (
        f"{agree} of {cells} majorities agree with the published verdicts; in brackets 95 % "
        "intervals (Wilson); artefact: the verdict depends on how values were learned"
    )
    return DataTable(title, rows, caption, key=("agent", "world"))
