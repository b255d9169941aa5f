"""The study `aup-ablation`: seven agents in five worlds, beside the paper's verdicts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from chisel.analysis.gridworlds import (
    PAPER_WORLDS,
    Keys,
    Passes,
    Preset,
    comparison_grid,
    learning_figure,
    side_effects,
)
from chisel.analysis.results import (
    Request,
    new_table,
    progress_bars,
    proportion,
    save_figure,
    show,
    write_json,
)
from chisel.envs.gridworlds import tabular
from chisel.impact import AGENTS, ablate

STUDY = "aup-ablation"

PUBLISHED = {
    "AUP": "11111",
    "Standard": "00011",
    "Model-free AUP": "11011",
    "Starting state": "11010",
    "Inaction": "11101",
    "Decrease": "11011",
    "Relative reachability": "11001",
}
"""Verdicts in the ablation of Turner et al. (2020): 1 is a pass; worlds as in `PAPER_WORLDS`."""

ARTEFACTS = {
    ("Starting state", "interference"): "passes once values are kept by state instead of by board",
    ("Inaction", "offset"): "fewer pass the better values are learned, fewest with exact ones",
}
"""Cells whose verdict depends on how values were learned rather than on the penalty."""

_AT_A_TIME = 10
"""Number of trials for each step of the progress bar."""


@dataclass(frozen=True)
class _Trials:
    """Trials of one agent in a world: performance `[N]`, learning curves `[N, E]`."""

    performance: NDArray[np.float64]
    curves: NDArray[np.float64]


def run(
    *,
    preset: Preset = "as-released",
    seeds: int = 50,
    rr_seeds: int = 10,
    worlds: str = PAPER_WORLDS,
    keys: Keys = "preset",
    seed: int = 0,
    out: Path | str | None = None,
) -> Path:
    """Run many trials of the seven agents of the AUP paper's ablation.

    Args:
        preset: Options of the public code, of the paper's formulas, or of these with exact values
            by state; all three draw rewards by board.
        seeds: Number of trials of each agent in each world, each with its own auxiliary rewards.
        rr_seeds: The same for relative reachability, which hardly depends on chance and is slow.
        worlds: Names of worlds, separated by commas.
        keys: Whether learned values are kept by board or by state; preset leaves that to it.
        seed: Seed of all random draws.
        out: Folder for the results; None is `studies/aup-ablation`.

    Returns:
        The folder, with `aup-ablation.json`, `aup-ablation.png` and, where agents learn,
        `aup-learning.png`.

    Raises:
        ConfigError: If an option is impossible.
    """
    asked = Request.of(STUDY, run, locals())
    names = side_effects.worlds_named(worlds)
    options = {name: side_effects.options_for(name, preset, keys) for name in names}
    sampled = tuple(agent for agent in AGENTS if agent.auxiliary != "indicators")
    slow = tuple(agent for agent in AGENTS if agent.auxiliary == "indicators")
    jobs = []
    for name in names:
        for agents, count in ((sampled, seeds), (slow, rr_seeds)):
            draws = side_effects.trials(seed, name, count)
            for first in range(0, count, _AT_A_TIME):
                jobs.append((name, agents, draws[first : first + _AT_A_TIME]))
    folder = asked.folder()
    parts: dict[tuple[str, str], list[_Trials]] = {}
    with progress_bars() as progress:
        for done, (name, agents, draws) in enumerate(jobs):
            progress("trials", done, len(jobs))
            world, threads = tabular(name), side_effects.threads()
            part = ablate(world, options[name], draws, agents, threads=threads)
            for agent, *of_agent in zip(part.agents, part.performance, part.curves, strict=True):
                parts.setdefault((agent, name), []).append(_Trials(*of_agent))
    results = {key: _joined(one) for key, one in parts.items()}
    cells = {key: _cell(*key, trials.performance) for key, trials in results.items()}
    data = {
        "command": asked.command,
        "options": {name: asdict(one) for name, one in options.items()},
        "agreement": _agreement(cells),
        "cells": [_plain(key, cells[key], results[key]) for key in cells],
    }
    title = f"Passes in the side-effect worlds, {preset}" + (
        "" if keys == "preset" else f", {keys} keys"
    )
    figures = {STUDY: comparison_grid(cells, title)}
    curves = {key: one.curves for key, one in results.items() if np.isfinite(one.curves).all()}
    if curves:
        schedule = options[names[0]].learning
        figures["aup-learning"] = learning_figure(curves, schedule.evaluate_every)
    with asked.results(folder):
        write_json(folder / f"{STUDY}.json", data)
        for name, figure in figures.items():
            save_figure(figure, folder / f"{name}.png", asked.command)
    show(_table(cells, names, title))
    return folder


def _joined(parts: list[_Trials]) -> _Trials:
    return _Trials(
        np.concatenate([part.performance for part in parts]),
        np.concatenate([part.curves for part in parts]),
    )


def _cell(agent: str, world: str, performance: NDArray[np.float64]) -> Passes:
    known = PAPER_WORLDS.split(",")
    published = PUBLISHED[agent][known.index(world)] == "1" if world in known else None
    count = int(side_effects.passed(world, performance))
    share = proportion(count, len(performance))
    return Passes(count, share, published, (agent, world) in ARTEFACTS)


def _agreement(cells: dict[tuple[str, str], Passes]) -> dict[str, int]:
    known = [cell for cell in cells.values() if cell.published is not None]
    return {"cells": len(known), "agree": sum(cell.agrees for cell in known)}


def _plain(key: tuple[str, str], cell: Passes, trials: _Trials) -> dict[str, Any]:
    agent, world = key
    return {
        "agent": agent,
        "world": world,
        "passed": cell.passed,
        **cell.share.to_plain(),
        "outcomes": dict(
            zip(
                side_effects.OUTCOMES,
                side_effects.outcome_counts(trials.performance).tolist(),
                strict=True,
            )
        ),
        "published": cell.published,
        "agrees": cell.agrees,
        "artefact": ARTEFACTS.get(key),
    }


def _table(cells: dict[tuple[str, str], Passes], names: tuple[str, ...], title: str) -> Table:
    sums = _agreement(cells)
    caption = (
        f"✓ ✗: the paper's verdicts. {sums['agree']} of {sums['cells']} majorities agree with them,"
        " others are marked !. * : an artefact of how values were learned. "
        "In brackets 95 % intervals (Wilson)."
    )
    table = new_table(title, caption, words=["agent"], numbers=names)
    for agent in AGENTS:
        table.add_row(agent.name, *(_text(cells[agent.name, name]) for name in names))
    return table


def _text(cell: Passes) -> str:
    share = cell.share
    marks = cell.tick + ("*" if cell.artefact else "") + ("" if cell.agrees else "!")
    return f"{cell.passed}/{share.n} ({share.low:.2f}, {share.high:.2f}) {marks}"
