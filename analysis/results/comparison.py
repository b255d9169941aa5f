"""Learning curves and evaluations of several runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from chisel.analysis.results.compare_table import compare_table
from chisel.analysis.results.curve_figures import METRICS, RANGES, curves_figure
from chisel.analysis.results.curves import Curve, read_curves
from chisel.analysis.results.estimates import Estimate, mean_over_seeds, permutation_p
from chisel.analysis.results.evaluated import Evaluated, evaluation_of
from chisel.analysis.results.figures import save_figure
from chisel.analysis.results.output import make_folder, write_json
from chisel.configs import CheckpointError, ConfigError

_TAIL = 0.05
"""The last value of a noisy curve is the mean of this share of its points."""


@dataclass(frozen=True)
class Line:
    """One run, or one group of runs that differ in their seed only."""

    label: str
    steps: tuple[int, ...]
    """That each seed has reached."""
    last: dict[str, Estimate]
    """Of each metric at the last step that all seeds have reached, over the seeds that logged it
    by then."""
    evaluation: dict[str, Estimate]
    """See `Evaluated.scores`: over the seeds that have one; of a lone run, over what it played."""
    of_seeds: dict[str, list[float]]
    """The numbers behind `last` and `evaluation`, one of each seed that has it."""
    settings: dict[str, list[str]]
    """Of the evaluations: by key every value that a seed's has."""
    notes: tuple[str, ...]
    """What is not shown, and why."""

    @property
    def seeds(self) -> int:
        """How many."""
        return len(self.steps)

    @property
    def env_steps(self) -> int:
        """Steps that all its seeds have reached."""
        return min(self.steps)

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "label": self.label,
            "seeds": self.seeds,
            "env_steps": self.env_steps,
            "steps_of_seeds": list(self.steps),
            "last": {key: value.to_plain() for key, value in self.last.items()},
            "evaluation": {key: value.to_plain() for key, value in self.evaluation.items()},
            "of_seeds": self.of_seeds,
            "evaluated_with": self.settings,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Comparison:
    """What `compare` found, and the figure it drew."""

    lines: tuple[Line, ...]
    differing: tuple[str, ...]
    """Settings in which the evaluations are not alike, so that they cannot be compared."""
    p: dict[str, float]
    """Of two groups of seeds: by number, see `permutation_p`; none of evaluations that differ."""
    figure: Path
    data: Path

    def table(self) -> Table:
        """One column per run or group, for a terminal."""
        return compare_table(self.lines, self.differing, self.p, METRICS)


def compare(runs: Sequence[Path | str], out: Path | str | None = None) -> Comparison:
    """Draw learning curves with intervals over seeds, and put last values side by side.

    Evaluations are read from `studies/eval` of each run, if they are of its newest checkpoint. Of a
    group whose seeds were evaluated with different settings nothing is averaged.

    Args:
        runs: Folders of runs, or of groups of runs (`seed-*`); a group is one line with a band.
        out: Folder for `curves.png` and `compare.json`; None is `studies/compare`.

    Raises:
        CheckpointError: If a folder is missing or has no metrics yet.
        ConfigError: If there is nothing to compare or a folder is given twice.
    """
    folders = [Path(run) for run in runs]
    if not folders:
        raise ConfigError("nothing to compare: give at least one run")
    twice = next((f for i, f in enumerate(folders) if f in folders[:i]), None)
    if twice is not None:
        raise ConfigError(f"{twice} is given twice")
    curves = {folder: _seeds(folder) for folder in folders}
    lines = tuple(_line(folder, seeds) for folder, seeds in curves.items())
    differing = _differing([line.settings for line in lines if line.settings])
    p = _p_values(lines, alike=not differing)
    target = make_folder(Path(out) if out is not None else Path("studies") / "compare")
    data = {"runs": [str(f) for f in folders], "lines": [line.to_plain() for line in lines]}
    data |= {"evaluations_differ_in": list(differing), "p": p}
    drawn = curves_figure({str(folder): seeds for folder, seeds in curves.items()})
    names = ", ".join(map(str, folders))
    return Comparison(
        lines,
        differing,
        p,
        figure=save_figure(drawn, target / "curves.png", names),
        data=write_json(target / "compare.json", data),
    )


def _seeds(folder: Path) -> list[Curve]:
    members = [folder] if (folder / "metrics.csv").is_file() else sorted(folder.glob("seed-*"))
    curves = [read_curves(member) for member in members if (member / "metrics.csv").is_file()]
    if not curves:
        reason = (
            "has no metrics.csv, and no seed-*/metrics.csv" if folder.exists() else "is missing"
        )
        raise CheckpointError(f"{folder} {reason}; is it the folder of a run?")
    return curves


def _line(folder: Path, seeds: Sequence[Curve]) -> Line:
    of_seeds = _last_values(seeds)
    last = {k: mean_over_seeds(v, within=_range(k, v)) for k, v in of_seeds.items()}
    found = [evaluation_of(seed) for seed in seeds]
    notes = [one for one in found if isinstance(one, str) and one]
    evaluated = [one for one in found if isinstance(one, Evaluated)]
    settings = {
        key: sorted({one.settings.get(key, "-") for one in evaluated})
        for key in sorted({key for one in evaluated for key in one.settings})
    }
    mixed = _differing([settings]) if len(seeds) > 1 else ()
    evaluation: dict[str, Estimate] = {}
    if mixed:
        notes.append(
            f"{folder}: evaluations are not averaged, its seeds' differ in {', '.join(mixed)}"
        )
    elif len(seeds) == 1 and evaluated:
        evaluation = evaluated[0].scores
    else:
        scores, ranges = _scores_of_seeds(evaluated)
        evaluation = {k: mean_over_seeds(v, within=ranges[k]) for k, v in scores.items()}
        of_seeds |= scores
    return Line(
        label=str(folder),
        steps=tuple(seed.env_steps for seed in seeds),
        last=last,
        evaluation=evaluation,
        of_seeds=of_seeds,
        settings=settings,
        notes=tuple(notes),
    )


def _range(name: str, values: Sequence[float]) -> tuple[float, float] | None:
    """A metric's; none if an environment of yours means something else by the name."""
    within = RANGES.get(name)
    return within if within and within[0] <= min(values) and max(values) <= within[1] else None


def _last_values(seeds: Sequence[Curve]) -> dict[str, list[float]]:
    """Of every metric, where each seed that logged it stood when the shortest ended."""
    end = min(seed.env_steps for seed in seeds)
    found: dict[str, list[float]] = {}
    for name in sorted({name for seed in seeds for name in seed.metrics}):
        for seed in seeds:
            steps, values = seed.metrics.get(name, (np.zeros(0), np.zeros(0)))
            known = values[steps <= end]
            if len(known):
                tail = known[-max(1, int(_TAIL * len(known))) :]
                found.setdefault(name, []).append(float(tail.mean()))
    return found


def _scores_of_seeds(
    evaluated: Sequence[Evaluated],
) -> tuple[dict[str, list[float]], dict[str, tuple[float, float] | None]]:
    """Each score of the seeds that have it, and its range."""
    values: dict[str, list[float]] = {}
    ranges = {}
    for name in sorted({name for one in evaluated for name in one.scores}):
        known = [one.scores[name] for one in evaluated if name in one.scores]
        values[name] = [score.value for score in known if np.isfinite(score.value)]
        ranges[name] = known[0].within
    return {name: some for name, some in values.items() if some}, ranges


def _differing(settings: Sequence[Mapping[str, Sequence[str]]]) -> tuple[str, ...]:
    """Keys under which there is more than one value."""
    keys = sorted({key for one in settings for key in one})
    values = {key: {v for one in settings for v in one.get(key, ["-"])} for key in keys}
    return tuple(key for key in keys if len(values[key]) > 1)


def _p_values(lines: Sequence[Line], *, alike: bool) -> dict[str, float]:
    if len(lines) != 2 or min(line.seeds for line in lines) < 2:
        return {}
    first, second = lines
    numbers = {*(set(first.last) & set(METRICS))} | (set(first.evaluation) if alike else set())
    shared = sorted(name for name in numbers if name in second.of_seeds)
    values = [(name, first.of_seeds[name], second.of_seeds[name]) for name in shared]
    return {name: permutation_p(a, b) for name, a, b in values if min(len(a), len(b)) > 1}
