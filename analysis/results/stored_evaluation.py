"""Read the evaluation that `chisel eval` stored of a run's newest checkpoint."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from chisel.analysis.results.estimates import Estimate
from chisel.configs import CheckpointError
from chisel.models import CHECKPOINTS, file_digest, find_checkpoint

_FILE = Path("studies") / "eval" / "eval.json"

Better = Literal["higher", "lower"] | None
"""Whether higher or lower values of a metric are better; `None` if the evaluator does not say."""


@dataclass(frozen=True)
class StoredEvaluation:
    """An evaluation of a run's newest checkpoint."""

    scores: dict[str, Estimate]
    """Metrics of the agent by name, like `cheese anywhere: success` for a situation, or `return`.
    """
    better: dict[str, Better]
    """Whether higher or lower values of each metric are better."""
    settings: dict[str, str]
    """Settings that must be equal for a comparison, as texts by key; also the `evaluator`'s name.
    """


def read_evaluation(run: Path, env_steps: int) -> StoredEvaluation | str:
    """Return a run's evaluation, or a note why it is not shown; the note is empty if there is none.

    Args:
        run: Folder of the run.
        env_steps: Number of environment steps that the run has reached.

    Raises:
        CheckpointError: If the file is no evaluation.
    """
    file = run / _FILE
    if not file.is_file():
        return ""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        reason = _not_shown(run, env_steps, data)
        if reason:
            return f"{file} is not shown: {reason}; evaluate the run again"
        found = list(_scores(data))
        return StoredEvaluation(
            scores={name: estimate for name, estimate, _ in found},
            better={name: better for name, _, better in found},
            settings={"evaluator": str(data["evaluator"]), **data["settings"]},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{file} is not an evaluation: {error!r}") from error


def _not_shown(run: Path, env_steps: int, data: Mapping[str, Any]) -> str:
    """Return the reason why a file is not shown; empty if it is about the newest checkpoint."""
    if "scores" in data and "evaluator" not in data:
        return "it was made by an earlier version"
    if not (run / CHECKPOINTS).is_dir():
        at = data["env_steps"]
        if at in (None, env_steps):
            return ""
        return f"it is of {at:,} steps, the run has {env_steps:,}"
    try:
        newest = find_checkpoint(run, lambda _: None)
    except CheckpointError:
        return "the run has no checkpoint that can be read"
    same = file_digest(newest) == data["sha256"]
    return "" if same else f"it is of another checkpoint than {newest.name}, the newest"


def _scores(data: Mapping[str, Any]) -> Iterator[tuple[str, Estimate, Better]]:
    """Yield the agent's metrics in each situation, all groups of levels together."""
    metrics = {metric["name"]: metric for metric in data["metrics"]}
    for score in data["scores"]:
        if score["player"] != "agent" or score["group"]:
            continue
        situation = ", ".join(f"{key} {value}" for key, value in score["situation"].items())
        for name, plain in score["metrics"].items():
            within = metrics[name]["within"]  # JSON has null for infinity
            high = math.inf if within and within[1] is None else within and float(within[1])
            estimate = _estimate(plain, within and (float(within[0]), high))
            yield f"{situation}: {name}" if situation else name, estimate, metrics[name]["better"]


def _estimate(plain: Mapping[str, Any], within: tuple[float, float] | None) -> Estimate:
    value, low, high = (
        math.nan if plain[k] is None else float(plain[k]) for k in ("value", "low", "high")
    )
    if within and not (math.isnan(value) or within[0] <= value <= within[1]):
        raise ValueError(f"{value} is not within {within}")
    return Estimate(value, low, high, int(plain["n"]), within)
