"""Collect the lines of a comparison: the metrics of runs or of groups of seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from chisel.analysis.results.curves import RANGES, Curve, read_curves
from chisel.analysis.results.estimates import Estimate, mean_over_seeds
from chisel.analysis.results.stored_evaluation import Better, StoredEvaluation, read_evaluation
from chisel.configs import CheckpointError

_TAIL = 0.05
"""Share of a noisy curve's last points whose mean is its last value."""

_BETTER: dict[str, Better] = {"charts/success": "higher", "charts/episodic_return": "higher"}
"""Whether higher or lower values of a training metric are better; for others that depends on the
world."""


@dataclass(frozen=True)
class Line:
    """One run, or one group of runs that differ only in their seed."""

    folder: str
    label: str
    """Words for the line in the figures and the table."""
    steps: tuple[int, ...]
    """Environment steps that each seed has reached."""
    last: dict[str, Estimate]
    """Value of each metric at the last step that all seeds have reached, over the seeds that had
    logged it by then."""
    evaluation: dict[str, Estimate]
    """Metrics of evaluations, as in `StoredEvaluation.scores`: over the seeds that have one; for a
    single run, over its episodes."""
    values: pd.DataFrame
    """The numbers behind both: a row for each run, a column for each metric, NaN if it has none."""
    better: dict[str, Better]
    """Whether higher or lower values of each metric are better, if that is known."""
    settings: dict[str, list[str]]
    """Every value of each setting of the evaluations, by key."""
    notes: tuple[str, ...]
    """Sentences about what is not shown, and why."""

    @property
    def seeds(self) -> int:
        """Number of seeds."""
        return len(self.steps)

    @property
    def env_steps(self) -> int:
        """Number of environment steps that all seeds have reached."""
        return min(self.steps)

    def of_seeds(self, name: str) -> list[float]:
        """Return the values of a metric, one for each seed that has it."""
        known = self.values[name].dropna() if name in self.values else pd.Series(dtype=np.float64)
        return [float(value) for value in known]

    def to_plain(self) -> dict[str, Any]:
        """Return the line in plain values, for JSON."""
        return {
            "folder": self.folder,
            "label": self.label,
            "seeds": self.seeds,
            "env_steps": self.env_steps,
            "steps_of_seeds": self.steps,
            "last": self.last,
            "evaluation": self.evaluation,
            "of_seeds": {str(name): self.of_seeds(str(name)) for name in self.values},
            "evaluated_with": self.settings,
            "notes": self.notes,
        }


def curves_of(folder: Path) -> list[Curve]:
    """Read the curves of a run, or of each seed of a group.

    Raises:
        CheckpointError: If the folder has no log of metrics.
    """
    members = [folder] if (folder / "metrics.csv").is_file() else sorted(folder.glob("seed-*"))
    curves = [read_curves(member) for member in members if (member / "metrics.csv").is_file()]
    if not curves:
        reason = (
            "has no metrics.csv, and no seed-*/metrics.csv" if folder.exists() else "is missing"
        )
        raise CheckpointError(f"{folder} {reason}; is it the folder of a run?")
    return curves


def line_of(folder: Path, label: str, seeds: Sequence[Curve]) -> Line:
    """Return the last values and evaluations of the runs whose curves are given."""
    end = min(seed.env_steps for seed in seeds)
    last = _frame({seed.folder: _last_values(seed, end) for seed in seeds}).sort_index(axis=1)
    found = {seed.folder: read_evaluation(seed.folder, seed.env_steps) for seed in seeds}
    notes = [one for one in found.values() if isinstance(one, str) and one]
    evaluated = {run: one for run, one in found.items() if isinstance(one, StoredEvaluation)}
    settings = _values_of(
        [{key: [value] for key, value in one.settings.items()} for one in evaluated.values()]
    )
    mixed = differing_keys([settings])
    if mixed:
        notes.append(
            f"{folder}: evaluations are not averaged, its seeds' differ in {', '.join(mixed)}"
        )
    of_runs = {} if mixed else {run: one.scores for run, one in evaluated.items()}
    scores = {name: one for of_run in of_runs.values() for name, one in of_run.items()}
    values = _frame({run: {k: v.value for k, v in one.items()} for run, one in of_runs.items()})
    if len(seeds) > 1:
        ranges = {name: one.within for name, one in scores.items()}
        scores = {
            str(k): mean_over_seeds(v.dropna(), within=ranges[str(k)]) for k, v in values.items()
        }
    better = {name: way for one in evaluated.values() for name, way in one.better.items()}
    return Line(
        folder=str(folder),
        label=label,
        steps=tuple(seed.env_steps for seed in seeds),
        last={
            str(k): mean_over_seeds(v.dropna(), within=_range(str(k), v)) for k, v in last.items()
        },
        evaluation=scores,
        values=last.join(values),
        better=_BETTER | better,
        settings=settings,
        notes=tuple(notes),
    )


def _frame(values: Mapping[Path, Mapping[str, float]]) -> pd.DataFrame:
    """Return a row for each run, by the name of its folder, and columns that are not all NaN."""
    frame = pd.DataFrame(
        list(values.values()), index=pd.Index(list(map(str, values)), dtype=object)
    )
    return frame.dropna(axis=1, how="all")


def _range(name: str, values: pd.Series[float]) -> tuple[float, float] | None:
    """Return the range of a metric; `None` if values of a user's environment are outside of it."""
    within = RANGES.get(name)
    return within if within and values.dropna().between(*within).all() else None


def _last_values(seed: Curve, end: int) -> dict[str, float]:
    """Return the value of each metric that a seed had logged when the shortest seed ended."""
    known = {name: one.to_numpy()[one.index <= end] for name, one in seed.metrics.items()}
    return {
        name: float(one[-max(1, int(_TAIL * len(one))) :].mean())
        for name, one in known.items()
        if len(one)
    }


def differing_keys(settings: Sequence[Mapping[str, Sequence[str]]]) -> tuple[str, ...]:
    """Return the keys that have more than one value."""
    return tuple(key for key, values in _values_of(settings).items() if len(values) > 1)


def _values_of(settings: Sequence[Mapping[str, Sequence[str]]]) -> dict[str, list[str]]:
    """Return every value of each key; `-` if the key is missing."""
    keys = sorted({key for one in settings for key in one})
    return {key: sorted({v for one in settings for v in one.get(key, ["-"])}) for key in keys}
