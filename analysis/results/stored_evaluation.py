"""The evaluation that `chisel eval` stored of a run's newest checkpoint, and its settings."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chisel.analysis.results.curves import Curve
from chisel.analysis.results.estimates import Estimate
from chisel.configs import CheckpointError, flatten, with_new_names
from chisel.models import CHECKPOINTS, file_digest, find_checkpoint

_FILE = Path("studies") / "eval" / "eval.json"
_IGNORED = (
    "eval.num_envs",
    "env.num_envs",
    "env.num_threads",
    "env.levels.split",
    "env.levels.start",
    "env.levels.num",
    "env.levels.set_size",
)
"""Settings that change neither which levels an evaluation plays nor how."""


@dataclass(frozen=True)
class StoredEvaluation:
    """An evaluation of a run as it is now."""

    scores: dict[str, Estimate]
    """In mazes, by cheese placement, `success`, `efficient` and, with two goals, each goal's share;
    with diamond and ghost the return and the share of each."""
    settings: dict[str, str]
    """Settings it was made with, by key, as text."""


def read_evaluation(run: Curve) -> StoredEvaluation | str:
    """Return a run's evaluation; or a note why there is none to show, empty if none was made.

    Raises:
        CheckpointError: If its file is none of ours.
    """
    file = run.folder / _FILE
    if not file.is_file():
        return ""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        stale = _stale(run, data)
        if stale:
            return f"{file} is not shown: {stale}; evaluate the run again"
        return StoredEvaluation(dict(_scores(data["scores"])), _settings(data))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file} is not an evaluation: {error!r}") from error


def _stale(run: Curve, data: Mapping[str, Any]) -> str:
    """Return in words why a file is not about the newest checkpoint; empty if it is."""
    if not (run.folder / CHECKPOINTS).is_dir():
        at = data.get("env_steps")
        if at in (None, run.env_steps):
            return ""
        return f"it is of {at:,} steps, the run has {run.env_steps:,}"
    try:
        newest = find_checkpoint(run.folder, lambda _: None)
    except CheckpointError:
        return "the run has no checkpoint that can be read"
    same = file_digest(newest) == data.get("sha256")
    return "" if same else f"it is of another checkpoint than {newest.name}, the newest"


def _scores(scores: Any) -> Iterator[tuple[str, Estimate]]:
    """Yield the agent's scores, in mazes those on all sizes together."""
    for score in scores:
        if score["player"] != "agent":
            continue
        if "cheese" not in score:
            shares = {f"P({goal})": score[goal] for goal in ("diamond", "ghost")}
            yield "return", _estimate(score["return"], (-1, 1))
        elif score["size"] is None:
            goals = {f"P({name})": share for name, share in score.get("outcomes", {}).items()}
            shares = {"success": score["success"], "efficient": score["efficient"], **goals}
            shares = {f"{score['cheese']}: {kind}": share for kind, share in shares.items()}
        else:
            continue
        for name, share in shares.items():
            yield name, _estimate(share, (0, 1))


def _estimate(plain: Mapping[str, Any], within: tuple[float, float]) -> Estimate:
    value, low, high = (
        math.nan if plain[k] is None else plain[k] for k in ("value", "low", "high")
    )
    if not (math.isnan(value) or within[0] <= value <= within[1]):
        raise ValueError(f"{value} is not within {within}")
    return Estimate(float(value), float(low), float(high), int(plain["n"]), within)


def _settings(data: Mapping[str, Any]) -> dict[str, str]:
    config = with_new_names(data.get("config") or {}, _FILE.name)
    parts: dict[str, Any] = {key: config[key] for key in ("eval", "env") if key in config}
    settings = {k: _text(v) for k, v in flatten(parts).items() if k not in _IGNORED}
    if "held_out" in data:
        settings["held out"] = _text(data["held_out"])
    if any("cheese" in score for score in data["scores"]):
        settings["n counts"] = "layouts" if "layouts" in data["scores"][0] else "levels"
    return settings


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)
