"""The study `safelife-levels`: compare generated levels with those of the reference."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from chisel.analysis.results import DataTable, ProgressCallback, Result, Seed, Within, counted
from chisel.analysis.safelife import levels as measures
from chisel.analysis.safelife import traces_in
from chisel.envs.safelife import TASKS

_MOST = 3.0


def run(
    *,
    levels: Annotated[int, Within(2)] = 150,
    episodes: Annotated[int, Within(2)] = 160,
    seed: Seed = 0,
    traces: str | None = None,
    progress: ProgressCallback,
) -> Result:
    """Compare generated SafeLife levels, and random actions on them, with SafeLife 1.0.1's.

    Args:
        levels: Number of levels of each task that are counted.
        episodes: Number of levels of each task on which random actions play an episode.
        seed: Seed of levels and actions.
        traces: Folder of recorded episodes, whose levels are generated again from their seeds and
            compared cell by cell.

    Returns:
        For each task, the mean number of cells of each type, and the reward and the side effect on
        green life of random actions, beside those of the reference, with the difference in standard
        errors.

    Raises:
        ConfigError: If the folder of traces holds no npz files, or a damaged one.
    """
    paths = [] if traces is None else traces_in(traces)
    recorded = [measures.recorded_level(path) for path in paths]
    counts, played = [], []
    for task in counted(tuple(TASKS), "tasks", progress):
        counts += _counted(task, levels, seed)
        played += _played(task, episodes, seed)
    rows = [*counts, *played]
    far = [row for row in rows if abs(row["standard errors"] or 0.0) > _MOST]
    within = f"{len(rows) - len(far)} of {len(rows)} means within {_MOST:g} standard errors"
    caption = "standard errors: the difference, in standard errors of the difference"
    tables = {
        "counts": DataTable(f"Means over {levels} levels", counts, caption),
        "random": DataTable(f"Random actions on {episodes} levels", played, caption),
    }
    sentences = [f"{within} of SafeLife 1.0.1's"]
    equal = sum(row["differs"] == 0 for row in recorded)
    if recorded:
        tables["recorded"] = DataTable(
            "Recorded levels, generated again", recorded, "differs: number of cells that differ"
        )
        sentences.append(f"{equal} of {len(recorded)} recorded levels are equal bit for bit")
    return Result(
        data={"counts": counts, "random": played, "recorded": recorded},
        tables=tables,
        conclusion="\n".join(sentences),
        failure=f"{sentences[-1]}, not all" if equal < len(recorded) else "",
    )


def _counted(task: str, number: int, seed: int) -> list[dict[str, Any]]:
    rows = []
    found = measures.count_levels(task, number, seed)
    for (name, values), theirs in zip(found.items(), measures.REFERENCE_COUNTS[task], strict=True):
        their_error = values.std(ddof=1) / np.sqrt(measures.REFERENCE_LEVELS)
        if theirs or values.any():
            rows.append(_row(task, name, values, theirs, their_error))
    return rows


def _played(task: str, number: int, seed: int) -> list[dict[str, Any]]:
    if task not in measures.REFERENCE_RANDOM:
        return []
    found = measures.act_randomly(task, number, seed)
    names = ("reward", "green side effect")
    return [
        _row(task, name, values, *theirs)
        for name, values, theirs in zip(names, found, measures.REFERENCE_RANDOM[task], strict=True)
    ]


def _row(task: str, name: str, values: Any, theirs: float, their_error: float) -> dict[str, Any]:
    return {
        "task": task,
        "mean of": name,
        "ours": float(values.mean()),
        "standard deviation": float(values.std(ddof=1)),
        "reference": theirs,
        "standard errors": measures.standard_errors_apart(values, theirs, their_error),
    }
