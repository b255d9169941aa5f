"""Files of the study of retargeting, for one agent or several seeds: JSON, figures and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from rich.table import Table

from chisel.analysis.maze.channels.figures import retarget_figure
from chisel.analysis.maze.channels.retarget import RetargetMap
from chisel.analysis.results import (
    CHEESE,
    GREY,
    PALETTE,
    Estimate,
    band,
    keep_tables,
    leaves,
    mean_over_seeds,
    new_figure,
    new_table,
    over_seeds,
    plain_axes,
    save_figure,
    to_plain,
    write_json,
)
from chisel.envs.maze import paths

NEAR = 3
"""Largest number of steps from the way to the corner at which a square counts as near it."""

_KINDS = {
    "base": "nothing done",
    "control": "other channels clamped",
    "clamped": "channels clamped",
    "moved": "cheese really there",
}
_COLOURS = {"base": GREY, "control": PALETTE[0], "clamped": CHEESE, "moved": PALETTE[2]}

_DRAWN = 6
"""How many mazes of an agent have a figure of their own."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Clamps:
    """Channels that are clamped together, their values, and other channels as a control."""

    channels: list[int]
    values: list[float]
    """Value of each channel; the controls are clamped to the same values."""
    controls: list[int]


@dataclass(frozen=True, eq=False)
class RetargetResult:
    """Results about one agent in each maze."""

    name: str
    """Name of the run if it is one of several, else empty."""
    module: str
    clamps: Clamps
    maps: Sequence[RetargetMap]
    controls: Sequence[Floats]
    """Path probabilities with the control channels clamped, `[n]` for each maze."""

    def scores(self) -> list[dict[str, Floats]]:
        """Return, for each maze, the path probabilities `[n]` under each intervention."""
        pairs = zip(self.maps, self.controls, strict=True)
        return [
            {"base": one.base, "control": control, "clamped": one.clamped}
            | ({} if one.moved is None else {"moved": one.moved})
            for one, control in pairs
        ]


def write_retarget(
    folder: Path, found: Sequence[RetargetResult], origins: Sequence[Mapping[str, Any]]
) -> None:
    """Write `retarget.json`, tables and figures; for several agents also their means.

    Args:
        folder: Folder of the results.
        found: Results of each agent; several agents differ only in their seed.
        origins: Provenance of each agent.
    """
    summaries = [_summary(one) for one in found]
    each = [
        {**origin, **_plain(one, summary)}
        for origin, one, summary in zip(origins, found, summaries, strict=True)
    ]
    for one, origin in zip(found, origins, strict=True):
        _draw(folder, one, f"sha256 {origin['sha256']}, seed {origin['seed']}")
    tables = [
        _table(summary, _about(one), "mazes") for one, summary in zip(found, summaries, strict=True)
    ]
    if len(found) == 1:
        write_json(folder / "retarget.json", each[0])
    else:
        joined = leaves(over_seeds(summaries))
        words = f"{len(found)} training seeds"
        data = {"intervals": f"95 %, over {words}", "summary": to_plain(joined), "runs": each}
        write_json(folder / "retarget.json", data)
        tables.insert(0, _table(joined, "channels and values of each seed below", words))
    save_figure(_curves(found), folder / "retarget.png", str(origins[0]["command"]))
    keep_tables(folder, tables)


def off_path(found: RetargetMap) -> NDArray[np.int64]:
    """Return the steps from each target to the way from the start to the corner, `[n]`."""
    state = found.state
    corner = (state.maze_dim - 1, state.maze_dim - 1)
    way = paths.shortest_path(state.open, state.mouse, corner) or [state.mouse]
    steps = np.stack([paths.distances(state.open, cell) for cell in way]).min(axis=0)
    return np.array([steps[cell] for cell in found.targets], np.int64)


def _summary(found: RetargetResult) -> dict[str, Estimate]:
    """Return means over mazes of the mean over squares, with intervals over mazes.

    For each intervention also the gain over `base`, over all squares and over those near the way
    to the corner, but not on it.
    """
    scores = found.scores()
    distances = [off_path(one) for one in found.maps]
    beside = [(steps > 0) & (steps <= NEAR) for steps in distances]
    summary = {}
    for name in scores[0]:
        means = np.array([one[name].mean() for one in scores])
        summary[name] = mean_over_seeds(means, within=(0, 1))
        if name == "base":
            continue
        changes = [one[name] - one["base"] for one in scores]
        gains = np.array([change.mean() for change in changes])
        summary[f"{name} over base"] = mean_over_seeds(gains, within=(-1, 1))
        near = [c[rows].mean() for c, rows in zip(changes, beside, strict=True) if rows.any()]
        if near:
            summary[f"{name} over base, near the way"] = mean_over_seeds(near, within=(-1, 1))
    return summary


def _plain(found: RetargetResult, summary: Mapping[str, Estimate]) -> dict[str, Any]:
    mazes = zip(found.maps, found.scores(), strict=True)
    return {
        "module": found.module,
        "channels": found.clamps.channels,
        "values": found.clamps.values,
        "control_channels": found.clamps.controls,
        "summary": {name: one.to_plain() for name, one in summary.items()},
        "mazes": [_plain_maze(one, scores) for one, scores in mazes],
    }


def _plain_maze(found: RetargetMap, scores: Mapping[str, Floats]) -> dict[str, Any]:
    return {
        "level_seed": found.state.level_seed,
        "maze": found.state.draw().splitlines(),
        "targets": [list(cell) for cell in found.targets],
        "distance": found.distance.tolist(),
        "off_path": off_path(found).tolist(),
        **{name: values.tolist() for name, values in scores.items()},
    }


def _draw(folder: Path, found: RetargetResult, stamp: str) -> None:
    prefix = f"{found.name}-" if found.name else ""
    for number, one in enumerate(found.maps[:_DRAWN]):
        side, listed = one.state.maze_dim, ", ".join(map(str, found.clamps.channels))
        title = f"{found.name} level {one.state.level_seed}, {side}×{side}: channels {listed}"
        figure = retarget_figure(one, title.strip())
        save_figure(figure, folder / f"{prefix}{number:02d}.png", stamp)


def _curves(found: Sequence[RetargetResult]) -> Figure:
    """Draw means over squares by their distance from the start and from the way to the corner."""
    seeds = "" if len(found) == 1 else f", {len(found)} training seeds"
    figure = new_figure(10, 4, f"Leading the mouse{seeds}")
    left, right = figure.subplots(1, 2, sharey=True)
    _along(left, found, lambda one: one.distance)
    _along(right, found, off_path)
    left.set(xlabel="steps from the start", ylim=(0, 1))
    left.set_ylabel("normalised path probability")
    right.set_xlabel("steps off the way to the top-right corner")
    lines, labels = right.get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside lower center", ncols=len(lines), fontsize=8)
    return figure


def _along(
    ax: Axes, found: Sequence[RetargetResult], distance: Callable[[RetargetMap], NDArray[np.int64]]
) -> None:
    """Draw a line for each intervention: the mean over seeds of means over squares, with its band.

    The horizontal axis has the distances that occur in every seed's mazes.
    """
    every = [np.concatenate([distance(one) for one in agent.maps]) for agent in found]
    steps = sorted(set.intersection(*(set(own.tolist()) for own in every)))
    for name in found[0].scores()[0]:
        curves = []
        for agent, own in zip(found, every, strict=True):
            values = np.concatenate([one[name] for one in agent.scores()])
            curves.append(np.array([values[own == step].mean() for step in steps]))
        mean, low, high = band(curves, within=(0, 1))
        ax.plot(steps, mean, "o-", ms=3, c=_COLOURS[name], label=_KINDS[name])
        if len(found) > 1:
            ax.fill_between(steps, low, high, color=_COLOURS[name], alpha=0.15, linewidth=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain_axes(ax)


def _about(found: RetargetResult) -> str:
    clamps = zip(found.clamps.channels, found.clamps.values, strict=True)
    listed = ", ".join(f"{channel} at {value:.2f}" for channel, value in clamps)
    prefix = f"{found.name}: " if found.name else ""
    return f"{prefix}channels clamped: {listed}; near: 1 to {NEAR} steps off the way to the corner"


def _table(summary: Mapping[str, Estimate], caption: str, over: str) -> Table:
    heads = (f"mean over {over}", "95 %")
    table = new_table("Normalised path probability", caption, words=[""], numbers=heads)
    for name, one in summary.items():
        kind, *rest = name.split(" ", 1)
        table.add_row(
            " ".join([_KINDS[kind], *rest]), f"{one.value:.3f}", f"{one.low:.3f}, {one.high:.3f}"
        )
    return table
