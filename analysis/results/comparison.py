"""Learning curves and evaluations of several runs side by side."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from chisel.analysis.results.aggregates import (
    FEWEST_RUNS,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
)
from chisel.analysis.results.curves import (
    FEW_SEEDS,
    METRICS,
    RANGES,
    Curve,
    curves_figure,
    profiles_figure,
    read_curves,
)
from chisel.analysis.results.estimates import Estimate, mean_over_seeds, permutation_p
from chisel.analysis.results.figures import save_figure
from chisel.analysis.results.files import make_folder, replace_results, write_csv, write_json
from chisel.analysis.results.folders import home_above, labels_of, points_of
from chisel.analysis.results.looks import Look
from chisel.analysis.results.stored_evaluation import Better, StoredEvaluation, read_evaluation
from chisel.analysis.results.tables import new_table
from chisel.configs import CheckpointError, ConfigError, hint

_TAIL = 0.05
"""The last value of a noisy curve is the mean of this share of its points."""

_BETTER: dict[str, Better] = {"charts/success": "higher", "charts/episodic_return": "higher"}
"""Which way metrics of training are better; for the others it depends on the world."""

MOST_COLUMNS = 3
"""Number of runs or groups that a table has side by side; more are rows."""

_THRESHOLDS = 201
"""Number of points of a performance profile."""


@dataclass(frozen=True)
class Line:
    """One run, or one group of runs that differ in their seed only."""

    folder: str
    label: str
    """Words for it in the figures and the table."""
    steps: tuple[int, ...]
    """Environment steps that each seed has reached."""
    last: dict[str, Estimate]
    """By metric the value at the last step that all seeds have reached, over the seeds that logged
    it by then."""
    evaluation: dict[str, Estimate]
    """As `StoredEvaluation.scores`: over the seeds that have one; for a lone run, over what it
    played."""
    values: pd.DataFrame
    """The numbers behind both: a row for each run, a column for each metric, NaN if it has none."""
    better: dict[str, Better]
    """Which way each metric is better, where that is known."""
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

    def of_seeds(self, name: str) -> list[float]:
        """Return the values of a metric, one for each seed that has it."""
        known = self.values[name].dropna() if name in self.values else pd.Series(dtype=np.float64)
        return [float(value) for value in known]

    def to_plain(self) -> dict[str, Any]:
        """Return what is written as JSON."""
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


@dataclass(frozen=True)
class Contrast:
    """What the seeds of two groups say about one metric."""

    p: float
    """See `permutation_p`."""
    middle: tuple[Estimate, ...] = ()
    """Interquartile mean of each group; empty below ten seeds."""
    improvement: Estimate | None = None
    """Probability that a run of the first group is better than one of the second; `None` below ten
    seeds, and where it is not known which way is better."""


@dataclass(frozen=True)
class Comparison:
    """The result of `compare`, and the files it wrote."""

    lines: tuple[Line, ...]
    differing: tuple[str, ...]
    """Settings in which the evaluations differ, so that they cannot be compared."""
    contrasts: dict[str, Contrast]
    """Two groups of seeds by metric; evaluations that differ have none."""
    figure: Path | None
    """Learning curves; `None` if none of their metrics is shown."""
    profiles: Path | None
    """Figure of performance profiles, for two groups of ten seeds or more."""
    data: Path
    shown: Mapping[str, str]
    """Words for the metrics that the table has, by name, in the order of its rows."""

    def table(self) -> Table:
        """Return a table for a terminal: one column per run or group, more for two groups.

        More than `MOST_COLUMNS` runs or groups have a row each.
        """
        rows, names = self._rows(), [line.label for line in self.lines]
        home = home_above([line.folder for line in self.lines])
        if len(names) <= MOST_COLUMNS:
            more = ["p"] * bool(self.contrasts) + ["P(first better)"] * self._aggregated
            table = new_table(home, self._caption(), words=[""], numbers=[*names, *more])
        else:
            table = new_table(home, self._caption(), words=[""], numbers=[row[0] for row in rows])
            columns = [row[1:] for row in rows]
            rows = [[name, *cells] for name, *cells in zip(names, *columns, strict=True)]
        for row in rows:
            table.add_row(*row)
        return table

    def _rows(self) -> list[list[str]]:
        """Return what the table says: words, and a cell for each run or group."""
        lines, contrasts = self.lines, self.contrasts
        table = [["seeds", *(str(line.seeds) for line in lines)]]
        table.append(["environment steps", *map(_steps, lines)])
        for name, words in self.shown.items():
            estimates = [(line.last | line.evaluation).get(name) for line in lines]
            if any(estimates):
                cells = map(_cell, lines, [name] * len(lines), estimates)
                found = contrasts.get(name)
                table.append([words, *cells, *_contrast_cells(found)])
                if found and found.middle:
                    middle = (one.text(".3g") for one in found.middle)
                    table.append([f"{words}, interquartile mean", *middle])
        for key in self.differing:
            values = (" or ".join(line.settings.get(key, ["-"])) for line in lines)
            table.append([f"evaluated with {key}", *values])
        return table

    @property
    def _aggregated(self) -> bool:
        return any(found.middle for found in self.contrasts.values())

    def _caption(self) -> str:
        lines = self.lines
        parts = []
        if any(line.seeds > 1 for line in lines):
            parts.append(
                "of several seeds: mean over seeds, with the seeds themselves if fewer than "
                f"{FEW_SEEDS}, else with a 95 % interval over seeds (Student's t)"
            )
        if any(line.seeds == 1 and line.evaluation for line in lines):
            parts.append(
                "of one run: its evaluation with a 95 % interval over the n that it played, which "
                "says nothing of another run"
            )
        if self.differing:
            parts.append(f"NOT EVALUATED ALIKE: {', '.join(self.differing)} differ, as shown below")
        if self.contrasts:
            parts.append(
                "p: the share of all assignments of the seeds to the two groups (of 200,000 random "
                "ones where there are more) that set their means as far apart"
            )
        if self._aggregated:
            parts.append(
                f"from {FEWEST_RUNS} seeds on: interquartile mean, and the probability that a run "
                "of the first is better than one of the second (ties count half), both with 95 % "
                "bootstrap intervals over seeds"
            )
        return "\n".join([*parts, *(note for line in lines for note in line.notes)])


def compare(
    runs: Sequence[Path | str],
    out: Path | str | None = None,
    *,
    metrics: Sequence[str] = (),
    labels: Sequence[str] = (),
    look: Look | None = None,
) -> Comparison:
    """Draw learning curves with intervals over seeds, and put last values side by side.

    Evaluations are read from `studies/eval` of each run, if they are of its newest checkpoint. They
    are not averaged over a group whose seeds were evaluated with different settings. Two groups of
    ten seeds or more also get performance profiles.

    Args:
        runs: Folders of runs, of groups of runs (`seed-*`), or of grids of either; a group is one
            line with a band.
        out: Folder for `curves.png`, `compare.json` and `compare.csv` (a row for each run and
            metric), and `profiles.png` if there are profiles; `None` is `studies/compare`.
        metrics: Metrics that are shown, of training and of evaluations, in full or by what follows
            their last `/` or `: `; empty shows the usual ones.
        labels: Words for the runs, or groups, in their order; empty takes parts of their paths.
        look: What the figures are for.

    Raises:
        CheckpointError: If a folder is missing or has no metrics yet.
        ConfigError: If there is nothing to compare, a folder is given twice, no run has one of the
            metrics, or there are not as many labels as lines.
    """
    folders = [point for run in runs for point in points_of(run)]
    if not folders:
        raise ConfigError("nothing to compare: give at least one run")
    twice = next((f for i, f in enumerate(folders) if f in folders[:i]), None)
    if twice is not None:
        raise ConfigError(f"{twice} is given twice")
    names = list(map(str, runs))
    curves = {folder: _seeds(folder) for folder in folders}
    words = _labels(folders, labels)
    lines = tuple(
        _line(folder, label, seeds)
        for (folder, seeds), label in zip(curves.items(), words, strict=True)
    )
    differing = _differing([line.settings for line in lines if line.settings])
    shown = _shown(lines, metrics)
    contrasts = _contrasts(lines, shown, alike=not differing)
    target = make_folder(Path(out) if out is not None else Path("studies") / "compare")
    data = {
        "command": shlex.join(["chisel", "compare", *names]),
        "runs": names,
        "lines": lines,
        "evaluations_differ_in": differing,
        "p": {name: found.p for name, found in contrasts.items()},
        "interquartile_means": {
            name: found.middle for name, found in contrasts.items() if found.middle
        },
        "probability_of_improvement": {
            name: one.improvement for name, one in contrasts.items() if one.improvement
        },
    }
    drawn = {name: METRICS.get(name, name) for name in shown if any(name in x.last for x in lines)}
    by_label = dict(zip(words, curves.values(), strict=True))
    figures = {"curves": curves_figure(by_label, drawn)} if drawn else {}
    if profiles := _profiles(lines, contrasts, shown):
        figures["profiles"] = profiles_figure(profiles)
    values = pd.concat({line.folder: line.values for line in lines}, names=["line", "run"])
    with replace_results(target, "compare", {"runs": names}):
        write_csv(
            target / "compare.csv",
            values.melt(var_name="metric", ignore_index=False).dropna().reset_index(),
        )
        files = {
            name: save_figure(figure, target / f"{name}.png", ", ".join(names), look=look)
            for name, figure in figures.items()
        }
        return Comparison(
            lines,
            differing,
            contrasts,
            figure=files.get("curves"),
            profiles=files.get("profiles"),
            data=write_json(target / "compare.json", data),
            shown=shown,
        )


def _labels(folders: Sequence[Path], given: Sequence[str]) -> list[str]:
    """Return words for each folder: those given, or what of its path the others don't share."""
    if not given:
        return labels_of(folders)
    if len(given) != len(folders) or len(set(given)) < len(given):
        raise ConfigError(
            f"labels={','.join(given)}: {len(folders)} runs or groups need as many different "
            "labels, separated by commas"
        )
    return list(given)


def _shown(lines: Sequence[Line], wanted: Sequence[str]) -> dict[str, str]:
    """Return the metrics of the table with their words."""
    trained = dict.fromkeys(name for line in lines for name in line.last)
    evaluated = dict.fromkeys(name for line in lines for name in line.evaluation)
    usual = [name for name in METRICS if name in trained]
    found: list[str] = [] if wanted else [*usual, *evaluated]
    if not wanted and not found:
        raise ConfigError(
            f"nothing to show: {', '.join(line.folder for line in lines)} logged none of "
            f"{', '.join(METRICS)}; metrics=NAME shows others"
        )
    for one in wanted:
        fitting = [
            name for name in (*trained, *evaluated) if one in (name, re.split("/|: ", name)[-1])
        ]
        if not fitting:
            raise ConfigError(f"metrics={one}: {hint(one, (*trained, *evaluated))}")
        found += fitting
    return {name: f"last {METRICS.get(name, name)}" if name in trained else name for name in found}


def _seeds(folder: Path) -> list[Curve]:
    members = [folder] if (folder / "metrics.csv").is_file() else sorted(folder.glob("seed-*"))
    curves = [read_curves(member) for member in members if (member / "metrics.csv").is_file()]
    if not curves:
        reason = (
            "has no metrics.csv, and no seed-*/metrics.csv" if folder.exists() else "is missing"
        )
        raise CheckpointError(f"{folder} {reason}; is it the folder of a run?")
    return curves


def _line(folder: Path, label: str, seeds: Sequence[Curve]) -> Line:
    end = min(seed.env_steps for seed in seeds)
    last = _frame({seed.folder: _last_values(seed, end) for seed in seeds}).sort_index(axis=1)
    found = {seed.folder: read_evaluation(seed.folder, seed.env_steps) for seed in seeds}
    notes = [one for one in found.values() if isinstance(one, str) and one]
    evaluated = {run: one for run, one in found.items() if isinstance(one, StoredEvaluation)}
    settings = _values_of([one.settings for one in evaluated.values()])
    mixed = _differing([settings])
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
    """Return the range of a metric; `None` if a user's environment gives the name another one."""
    within = RANGES.get(name)
    return within if within and values.dropna().between(*within).all() else None


def _last_values(seed: Curve, end: int) -> dict[str, float]:
    """Return, by metric, the value that a seed had logged when the shortest seed ended."""
    known = {name: one.to_numpy()[one.index <= end] for name, one in seed.metrics.items()}
    return {
        name: float(one[-max(1, int(_TAIL * len(one))) :].mean())
        for name, one in known.items()
        if len(one)
    }


def _values_of(settings: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """Return by key every value that occurs; `-` where a key is missing."""
    keys = sorted({key for one in settings for key in one})
    return {key: sorted({one.get(key, "-") for one in settings}) for key in keys}


def _differing(settings: Sequence[Mapping[str, Sequence[str]]]) -> tuple[str, ...]:
    """Return the keys that have more than one value."""
    keys = sorted({key for one in settings for key in one})
    values = {key: {v for one in settings for v in one.get(key, ["-"])} for key in keys}
    return tuple(key for key in keys if len(values[key]) > 1)


def _contrasts(lines: Sequence[Line], shown: Iterable[str], *, alike: bool) -> dict[str, Contrast]:
    if len(lines) != 2:
        return {}
    first, second = lines
    known = [*first.last, *(first.evaluation if alike else ())]
    names = [name for name in shown if name in known]
    groups = {name: (first.of_seeds(name), second.of_seeds(name)) for name in names}
    return {
        name: _contrast(ours, theirs, first.better.get(name))
        for name, (ours, theirs) in groups.items()
        if min(len(ours), len(theirs)) > 1
    }


def _contrast(first: Sequence[float], second: Sequence[float], better: Better) -> Contrast:
    p, draws = permutation_p(first, second), np.random.default_rng(0)
    if min(len(first), len(second)) < FEWEST_RUNS:
        return Contrast(p)
    middle = tuple(interquartile_mean([group], draws) for group in (first, second))
    if better is None:
        return Contrast(p, middle)
    ours, theirs = (np.array(group) * (-1 if better == "lower" else 1) for group in (first, second))
    return Contrast(p, middle, probability_of_improvement([ours], [theirs], draws))


def _profiles(
    lines: Sequence[Line], contrasts: Mapping[str, Contrast], shown: Mapping[str, str]
) -> dict[str, dict[str, pd.DataFrame]]:
    """Return the profile of each metric and line, where there are ten seeds or more."""
    profiles = {}
    for name in (name for name, found in contrasts.items() if found.middle):
        groups, draws = [line.of_seeds(name) for line in lines], np.random.default_rng(0)
        together = np.concatenate(groups)
        levels = np.linspace(together.min(), together.max(), _THRESHOLDS)
        words = f"{shown[name]} (n = {' and '.join(str(len(g)) for g in groups)})"
        profiles[words] = {
            line.label: performance_profile([group], levels, draws)
            for line, group in zip(lines, groups, strict=True)
        }
    return profiles


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
    if 1 < estimate.n < FEW_SEEDS:
        each = list(dict.fromkeys(f"{one:.3g}" for one in line.of_seeds(name)))
        seeds = ", ".join(f"{one:.3g}" for one in line.of_seeds(name))
        alike = f"{each[0]} (each of {estimate.n} seeds)"
        return (f"{estimate.value:.3g} ({seeds})" if each[1:] else alike) + missing
    return f"{estimate.text('.3g')}{missing or f', n = {estimate.n}'}"


def _contrast_cells(found: Contrast | None) -> list[str]:
    if found is None:
        return []
    better = [found.improvement.text(".3g")] if found.improvement else []
    return [f"{found.p:.3g}", *better]
