"""Learning curves and evaluations of several runs side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from analysis.curve_figures import METRICS, curves_figure
from analysis.curves import Curve, read_curves
from analysis.figures import save_figure
from analysis.output import make_folder, write_json
from analysis.stats import Estimate, mean_over_seeds
from analysis.tables import new_table
from configs import CheckpointError, ConfigError

_TAIL = 0.05
"""The last value of a noisy curve is the mean of this share of its points."""


@dataclass(frozen=True)
class Line:
    """One run, or one group of runs that differ in their seed only."""

    label: str
    seeds: int
    env_steps: int
    """Steps that all its seeds have reached."""
    last: dict[str, Estimate]
    """Of each metric at the end of training."""
    evaluation: dict[str, Estimate]
    """`success`, `efficient` and, with two goals, each goal's share, of each cheese placement, over
    the seeds with an `eval.json`."""

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "label": self.label,
            "seeds": self.seeds,
            "env_steps": self.env_steps,
            "last": {key: value.to_plain() for key, value in self.last.items()},
            "evaluation": {key: value.to_plain() for key, value in self.evaluation.items()},
        }


@dataclass(frozen=True)
class Comparison:
    """What `compare` found, and the figure it drew."""

    lines: tuple[Line, ...]
    figure: Path
    data: Path

    def table(self) -> Table:
        """One column per run or group, for a terminal."""
        table = new_table(caption="mean and 95 % interval over seeds")
        table.add_column("")
        for line in self.lines:
            table.add_column(line.label, justify="right", overflow="fold")
        table.add_row("seeds", *(str(line.seeds) for line in self.lines))
        table.add_row("environment steps", *(f"{line.env_steps:,}" for line in self.lines))
        for name, words in METRICS.items():
            if any(name in line.last for line in self.lines):
                cells = (_shown(line.last.get(name)) for line in self.lines)
                table.add_row(f"last {words}", *cells)
        for name in sorted({name for line in self.lines for name in line.evaluation}):
            cells = (_shown(line.evaluation.get(name)) + _missing(line) for line in self.lines)
            table.add_row(f"cheese {name}", *cells)
        return table


def compare(runs: Sequence[Path | str], out: Path | str | None = None) -> Comparison:
    """Draw learning curves with intervals over seeds, and put last values side by side.

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
    target = make_folder(Path(out) if out is not None else Path("studies") / "compare")
    data = {"runs": [str(f) for f in folders], "lines": [line.to_plain() for line in lines]}
    drawn = curves_figure({str(folder): seeds for folder, seeds in curves.items()})
    names = ", ".join(map(str, folders))
    return Comparison(
        lines,
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
    names = set.intersection(*(set(seed.metrics) for seed in seeds))
    last = {}
    for name in sorted(names):
        ends = []
        for seed in seeds:
            values = seed.metrics[name][1]
            ends.append(values[-max(1, int(_TAIL * len(values))) :].mean())
        last[name] = mean_over_seeds(ends)
    return Line(
        label=str(folder),
        seeds=len(seeds),
        env_steps=min(seed.env_steps for seed in seeds),
        last=last,
        evaluation=_evaluation([seed.folder for seed in seeds]),
    )


def _evaluation(folders: Sequence[Path]) -> dict[str, Estimate]:
    """Over all mazes: a lone run with its own interval, several with that over seeds."""
    files = [folder / "studies" / "eval" / "eval.json" for folder in folders]
    found = [_scores(file) for file in files if file.is_file()]
    if not found or len(folders) == 1:
        return found[0] if found else {}
    names = set.intersection(*(set(scores) for scores in found))
    return {n: mean_over_seeds([scores[n].value for scores in found]) for n in sorted(names)}


def _scores(file: Path) -> dict[str, Estimate]:
    try:
        scores = json.loads(file.read_text(encoding="utf-8"))["scores"]
        chosen = [s for s in scores if s["player"] == "agent" and s["size"] is None]
        return {
            f"{score['cheese']}: {kind}": _estimate(share)
            for score in chosen
            for kind, share in _shares(score).items()
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file} is not an evaluation: {error!r}") from error


def _shares(score: dict[str, Any]) -> dict[str, Any]:
    goals = {f"P({name})": share for name, share in score.get("outcomes", {}).items()}
    return {"success": score["success"], "efficient": score["efficient"], **goals}


def _estimate(plain: dict[str, Any]) -> Estimate:
    value, low, high = (np.nan if plain[k] is None else plain[k] for k in ("value", "low", "high"))
    return Estimate(float(value), float(low), float(high), int(plain["n"]))


def _missing(line: Line) -> str:
    """A note if not every seed of a group was evaluated."""
    evaluated = min((estimate.n for estimate in line.evaluation.values()), default=0)
    return f" [{evaluated} of {line.seeds}]" if line.seeds > 1 and evaluated < line.seeds else ""


def _shown(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    if np.isnan(estimate.low):
        return f"{estimate.value:.3g}"
    return f"{estimate.value:.3g} ({estimate.low:.3g}, {estimate.high:.3g})"
