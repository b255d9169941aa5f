"""Compare learning curves and evaluations of several runs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.table import Table

from chisel.analysis.results.aggregates import FEWEST_RUNS
from chisel.analysis.results.contrasts import Contrast, contrasts_of, profiles_of
from chisel.analysis.results.curves import FEW_SEEDS, METRICS, curves_figure, profiles_figure
from chisel.analysis.results.estimates import Estimate
from chisel.analysis.results.figures import save_figure
from chisel.analysis.results.files import make_folder, replace_results, write_csv, write_json
from chisel.analysis.results.folders import home_above, labels_of, points_of
from chisel.analysis.results.lines import Line, curves_of, differing_keys, line_of
from chisel.analysis.results.looks import Look
from chisel.analysis.results.tables import new_table
from chisel.configs import ConfigError, hint

MOST_COLUMNS = 3
"""Largest number of runs or groups that are columns of a table; more are rows."""


@dataclass(frozen=True)
class Comparison:
    """The result of `compare`, and the files it wrote."""

    lines: tuple[Line, ...]
    differing: tuple[str, ...]
    """Settings in which the evaluations differ, so that they cannot be compared."""
    contrasts: dict[str, Contrast]
    """Comparisons of two groups of seeds, by metric; there are none of evaluations that differ."""
    figure: Path | None
    """Figure of learning curves; `None` if none of their metrics is shown."""
    profiles: Path | None
    """Figure of performance profiles, for two groups of ten seeds or more."""
    data: Path
    shown: Mapping[str, str]
    """Words for the table's metrics, by name, in the order of its rows."""

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
        """Return the table's rows: words, and a cell for each run or group."""
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
    """Draw learning curves with intervals over seeds, and tabulate last values side by side.

    Evaluations are read from `studies/eval` of each run, if they are of its newest checkpoint. They
    are not averaged over a group if its seeds were evaluated with different settings. Two groups of
    ten seeds or more also get performance profiles.

    Args:
        runs: Folders of runs, of groups of runs (`seed-*`), or of grids of either; a group is one
            line with a band.
        out: Folder for `curves.png`, `compare.json` and `compare.csv` (a row for each run and
            metric), and `profiles.png` if there are profiles; `None` is `studies/compare`.
        metrics: Metrics that are shown, of training and of evaluations. A name is given in full or
            by its part after the last `/` or `: `. Empty shows the usual ones.
        labels: Words for the runs, or groups, in their order; empty takes parts of their paths.
        look: Style and width of the figures.

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
    curves = {folder: curves_of(folder) for folder in folders}
    words = _labels(folders, labels)
    lines = tuple(
        line_of(folder, label, seeds)
        for (folder, seeds), label in zip(curves.items(), words, strict=True)
    )
    differing = differing_keys([line.settings for line in lines if line.settings])
    shown = _shown(lines, metrics)
    contrasts = contrasts_of(lines, shown, alike=not differing)
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
    if profiles := profiles_of(lines, contrasts, shown):
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
    """Return a label for each folder: the one given, or the parts that only its path has."""
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


def _steps(line: Line) -> str:
    if line.env_steps == max(line.steps):
        return f"{line.env_steps:,}"
    return f"{line.env_steps:,} (the longest {max(line.steps):,})"


def _cell(line: Line, name: str, estimate: Estimate | None) -> str:
    """Return a value as text, with the number of seeds or episodes that it was estimated from."""
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
