"""The study `safelife-replay`: replay recorded episodes of the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chisel.analysis.results import DataTable, ProgressCallback, Result, counted
from chisel.analysis.safelife import ASPECTS, read_trace, replay, traces_in
from chisel.configs import ConfigError


def run(*, traces: str, progress: ProgressCallback) -> Result:
    """Replay recorded SafeLife episodes, and compare every step with what was recorded.

    Args:
        traces: Folder of npz files with one episode each.

    Returns:
        Whether boards, rewards, ends, positions, observations, exits and random draws of each trace
        are equal, or else the first step at which they differ (0 is the start); and the largest
        difference of the side effects, in cells.

    Raises:
        ConfigError: If the folder holds no npz files.
    """
    paths = traces_in(traces)
    rows, problems = [], []
    for path in counted(paths, "traces", progress):
        row, problem = _one(path)
        rows.append(row)
        problems += [f"{path.name}: {problem}"] if problem else []
    exact = len(paths) - len(problems)
    caption = "a number is the first step that differs, 0 the start; metric: largest difference"
    return Result(
        data={"traces": rows, "exact": exact},
        tables={"traces": DataTable("Replayed episodes", rows, caption, {"metric": ".1e"})},
        conclusion="\n".join([*problems, f"{exact} of {len(paths)} traces replayed exactly"]),
        failure=f"{len(problems)} of {len(paths)} traces differ: {problems[0]}" if problems else "",
    )


def _one(path: Path) -> tuple[dict[str, Any], str]:
    """Return the row of a trace, and a description of its differences, which may be empty."""
    try:
        trace = read_trace(path)
    except ConfigError as error:
        return {"trace": path.name, "rules": "damaged"}, str(error).removeprefix(f"{path}: ")
    found = replay(trace)
    compared = {name: str(found.differs.get(name, "equal")) for name in ASPECTS}
    about = {"trace": path.name, "rules": trace.rules, "steps": trace.steps}
    return {**about, **compared, "metric": found.metric}, found.problem
