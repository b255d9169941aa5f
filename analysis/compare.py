"""Learning curves and evaluations of several runs side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from analysis.curves import Curve, read_curves
from analysis.figures import save_figure
from analysis.output import make_folder, write_json
from analysis.stats import Estimate, band, mean_over_seeds
from configs import CheckpointError, ConfigError

METRICS = {
    "charts/success": "success",
    "charts/episodic_return": "return",
    "charts/episodic_length": "length of episodes",
    "losses/entropy": "entropy of the policy",
}
"""What is drawn, where runs have it."""

_TAIL = 0.05
"""The last value of a noisy curve is the mean of this share of its points."""
_COLOURS = ("#1f77b4", "#d1495b", "#2e8b57", "#edae49", "#6a4c93", "#00798c", "#8d5524", "#555555")


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
    """`success` and `efficient` of each cheese placement, from `eval.json` where there is one."""

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
        """One row per run or group, for a terminal."""
        table = Table(caption="mean and 95 % interval over seeds", caption_justify="left", box=None)
        table.add_column("run")
        last = [name for name in METRICS if any(name in line.last for line in self.lines)]
        found = sorted({name for line in self.lines for name in line.evaluation})
        for column in ("seeds", "steps", *(METRICS[name] for name in last), *found):
            table.add_column(column, justify="right")
        for line in self.lines:
            cells = [_shown(line.last.get(name)) for name in last]
            cells += [_shown(line.evaluation.get(name)) for name in found]
            table.add_row(line.label, str(line.seeds), f"{line.env_steps:,}", *cells)
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


def curves_figure(runs: dict[str, Sequence[Curve]]) -> Figure:
    """One panel per metric: the mean over seeds, a 95 % band, and each seed faintly.

    Args:
        runs: Label to the curves of its seeds.
    """
    names = [m for m in METRICS if any(m in curve.metrics for s in runs.values() for curve in s)]
    size = (5.0 * len(names) + 0.3, 3.6 + 0.22 * len(runs))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, max(len(names), 1), squeeze=False)[0]
    for ax, name in zip(axes, names, strict=False):
        for colour, seeds in zip(_cycle(len(runs)), runs.values(), strict=True):
            _draw(ax, [curve for curve in seeds if name in curve.metrics], name, colour)
        ax.set_title(METRICS[name], fontsize=10)
        ax.set_xlabel("environment steps", fontsize=9)
        ax.grid(alpha=0.25, linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
        ax.ticklabel_format(axis="x", style="sci", scilimits=(6, 6), useMathText=True)
    handles = [line for line in axes[0].get_lines() if not line.get_label().startswith("_")]
    labels = [
        f"{label} ({len(seeds)})" if len(seeds) > 1 else label for label, seeds in runs.items()
    ]
    figure.legend(handles, labels, loc="outside lower left", frameon=False, fontsize=9)
    return figure


def on_common_steps(
    curves: Sequence[Curve], name: str
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """The curves of one metric at the same steps: where all have data, by linear interpolation."""
    data = [curve.metrics[name] for curve in curves]
    first = max(steps[0] for steps, _ in data)
    last = min(steps[-1] for steps, _ in data)
    grid = np.unique(np.concatenate([steps for steps, _ in data]))
    grid = grid[(grid >= first) & (grid <= last)]
    return grid, [np.interp(grid, steps, values) for steps, values in data]


def _draw(ax: Any, curves: Sequence[Curve], name: str, colour: str) -> None:
    if not curves:
        ax.plot([], [], color=colour, label="run")
        return
    for curve in curves:
        if len(curves) > 1:
            ax.plot(*curve.metrics[name], color=colour, alpha=0.25, linewidth=0.7)
    steps, values = on_common_steps(curves, name)
    mean, low, high = band(values)
    ax.plot(steps, mean, color=colour, linewidth=1.6, label="run")
    ax.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)


def _cycle(n: int) -> list[str]:
    return [_COLOURS[i % len(_COLOURS)] for i in range(n)]


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
    if len(found) < len(folders) or not found:
        return {}
    if len(found) == 1:
        return found[0]
    names = set.intersection(*(set(scores) for scores in found))
    return {n: mean_over_seeds([scores[n].value for scores in found]) for n in sorted(names)}


def _scores(file: Path) -> dict[str, Estimate]:
    try:
        scores = json.loads(file.read_text(encoding="utf-8"))["scores"]
        chosen = [s for s in scores if s["player"] == "agent" and s["size"] is None]
        return {
            f"{score['cheese']}: {kind}": _estimate(score[kind])
            for score in chosen
            for kind in ("success", "efficient")
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file} is not an evaluation: {error!r}") from error


def _estimate(plain: dict[str, Any]) -> Estimate:
    value, low, high = (np.nan if plain[k] is None else plain[k] for k in ("value", "low", "high"))
    return Estimate(float(value), float(low), float(high), int(plain["n"]))


def _shown(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    if np.isnan(estimate.low):
        return f"{estimate.value:.3g}"
    return f"{estimate.value:.3g} ({estimate.low:.3g}, {estimate.high:.3g})"
