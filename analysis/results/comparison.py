"""Learning curves and evaluations of several runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from chisel.analysis.results.curves import METRICS, RANGES, Curve, curves_figure, read_curves
from chisel.analysis.results.estimates import Estimate, mean_over_seeds, permutation_p
from chisel.analysis.results.figures import save_figure
from chisel.analysis.results.files import make_folder, write_json
from chisel.analysis.results.stored_evaluation import StoredEvaluation, read_evaluation
from chisel.analysis.results.tables import new_table
from chisel.configs import CheckpointError, ConfigError

_TAIL = 0.05
"""The last value of a noisy curve is the mean of this share of its points."""

_FEW_SEEDS = 5
"""Number of seeds below which they are shown one by one: an interval over so few says little."""


@dataclass(frozen=True)
class Line:
    """One run, or one group of runs that differ in their seed only."""

    label: str
    steps: tuple[int, ...]
    """Environment steps that each seed has reached."""
    last: dict[str, Estimate]
    """By metric the value at the last step that all seeds have reached, over the seeds that logged
    it by then."""
    evaluation: dict[str, Estimate]
    """As `StoredEvaluation.scores`: over the seeds that have one; for a lone run, over what it
    played."""
    of_seeds: dict[str, list[float]]
    """The numbers behind `last` and `evaluation`, one for each seed that has it."""
    settings: dict[str, list[str]]
    """Settings of the evaluations: by key every value that occurs."""
    notes: tuple[str, ...]
    """Sentences about what is not shown, and why."""

    @property
    def seeds(self) -> int:
        """Number of seeds."""
        return len(self.steps)

    @property
    def env_steps(self) -> int:
        """Environment steps that all its seeds have reached."""
        return min(self.steps)

    def to_plain(self) -> dict[str, Any]:
        """Return plain values for JSON."""
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
    """The result of `compare`, and the files it wrote."""

    lines: tuple[Line, ...]
    differing: tuple[str, ...]
    """Settings in which the evaluations differ, so that they cannot be compared."""
    p: dict[str, float]
    """By number the p of two groups of seeds, see `permutation_p`; evaluations that differ have
    none."""
    figure: Path
    data: Path

    def table(self) -> Table:
        """Return a table for a terminal: one column per run or group, and one for p."""
        lines, p = self.lines, self.p
        numbers = [line.label for line in lines] + ["p"] * bool(p)
        table = new_table(caption=self._caption(), words=[""], numbers=numbers)
        table.add_row("seeds", *(str(line.seeds) for line in lines))
        table.add_row("environment steps", *map(_steps, lines))
        for name, words in METRICS.items():
            if any(name in line.last for line in lines):
                cells = (_cell(line, name, line.last.get(name)) for line in lines)
                table.add_row(f"last {words}", *cells, *_p(p, name))
        for name in sorted({name for line in lines for name in line.evaluation}):
            cells = (_cell(line, name, line.evaluation.get(name)) for line in lines)
            words = "cheese " if ": " in name else ""
            table.add_row(f"{words}{name}", *cells, *_p(p, name))
        for key in self.differing:
            values = (" or ".join(line.settings.get(key, ["-"])) for line in lines)
            table.add_row(f"evaluated with {key}", *values)
        return table

    def _caption(self) -> str:
        lines = self.lines
        parts = []
        if any(line.seeds > 1 for line in lines):
            parts.append(
                "of several seeds: mean over seeds, with the seeds themselves if fewer than "
                f"{_FEW_SEEDS}, else with a 95 % interval over seeds"
            )
        if any(line.seeds == 1 and line.evaluation for line in lines):
            parts.append(
                "of one run: its evaluation with a 95 % interval over the n that it played, which "
                "says nothing of another run"
            )
        if self.differing:
            parts.append(f"NOT EVALUATED ALIKE: {', '.join(self.differing)} differ, as shown below")
        if self.p:
            parts.append(
                "p: exact, the share of all assignments of the seeds to the two groups that set "
                "their means as far apart"
            )
        return "\n".join([*parts, *(note for line in lines for note in line.notes)])


def compare(runs: Sequence[Path | str], out: Path | str | None = None) -> Comparison:
    """Draw learning curves with intervals over seeds, and put last values side by side.

    Evaluations are read from `studies/eval` of each run, if they are of its newest checkpoint. They
    are not averaged over a group whose seeds were evaluated with different settings.

    Args:
        runs: Folders of runs, or of groups of runs (`seed-*`); a group is one line with a band.
        out: Folder for `curves.png` and `compare.json`; `None` is `studies/compare`.

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
    found = [read_evaluation(seed) for seed in seeds]
    notes = [one for one in found if isinstance(one, str) and one]
    evaluated = [one for one in found if isinstance(one, StoredEvaluation)]
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
    """Return the range of a metric; `None` if a user's environment gives the name another one."""
    within = RANGES.get(name)
    return within if within and within[0] <= min(values) and max(values) <= within[1] else None


def _last_values(seeds: Sequence[Curve]) -> dict[str, list[float]]:
    """Return, by metric, the value of each seed that logged it when the shortest seed ended."""
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
    evaluated: Sequence[StoredEvaluation],
) -> tuple[dict[str, list[float]], dict[str, tuple[float, float] | None]]:
    """Return, by name, each score of the seeds that have it, and its range."""
    values: dict[str, list[float]] = {}
    ranges = {}
    for name in sorted({name for one in evaluated for name in one.scores}):
        known = [one.scores[name] for one in evaluated if name in one.scores]
        values[name] = [score.value for score in known if np.isfinite(score.value)]
        ranges[name] = known[0].within
    return {name: some for name, some in values.items() if some}, ranges


def _differing(settings: Sequence[Mapping[str, Sequence[str]]]) -> tuple[str, ...]:
    """Return the keys that have more than one value."""
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


def _steps(line: Line) -> str:
    if line.env_steps == max(line.steps):
        return f"{line.env_steps:,}"
    return f"{line.env_steps:,} (the longest {max(line.steps):,})"


def _cell(line: Line, name: str, estimate: Estimate | None) -> str:
    """Return a value, with what it was estimated from."""
    if estimate is None:
        return "-"
    if line.seeds == 1:
        played = f", n = {estimate.n:,}" if name in line.evaluation else ""
        return estimate.text(".3g") + played
    missing = f" [{estimate.n} of {line.seeds}]" if estimate.n < line.seeds else ""
    if 1 < estimate.n < _FEW_SEEDS:
        seeds = ", ".join(f"{one:.3g}" for one in line.of_seeds[name])
        return f"{estimate.value:.3g}: {seeds}{missing}"
    return estimate.text(".3g") + missing


def _p(p: Mapping[str, float], name: str) -> tuple[str, ...]:
    return (f"{p[name]:.3g}",) if name in p else ()
