"""Files of the study of channels, for one agent or several seeds: JSON, figures and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from chisel.analysis.maze.channels.detection import Tracking
from chisel.analysis.maze.channels.figures import channel_sheet
from chisel.analysis.results import (
    CHEESE,
    GREY,
    PALETTE,
    Estimate,
    Tree,
    branch,
    keep_tables,
    leaves,
    new_figure,
    new_table,
    over_seeds,
    save_figure,
    to_plain,
    write_json,
)
from chisel.envs.maze import MOVES

_KINDS = {"same": ("the same cell", PALETTE[0]), "different": ("another cell", PALETTE[1])}
_SHIFTS = {"same": -0.12, "different": 0.12}


@dataclass(frozen=True, eq=False)
class ChannelsResult:
    """Results about the `C` channels of a layer of one agent."""

    name: str
    """Name of the run if it is one of several, else empty."""
    module: str
    tracking: Tracking
    goal: list[int]
    """Channels that follow the cheese."""
    zeros: NDArray[np.float64]
    """Effect of ablating each channel alone by zero, `[C]`."""
    means: NDArray[np.float64]
    """Effect of ablating each channel alone by its mean, `[C]`."""
    direct_logit_attribution: NDArray[np.float64]
    """What each channel adds to the logit of each move, `[C, 5]`."""
    sets: Mapping[str, list[list[int]]]
    """Channels that were resampled together, by kind of set."""
    effects: Mapping[str, Mapping[str, Estimate]]
    """Mean total variation by kind of set: with the donor's cheese on the `same` and on a
    `different` cell, and the `difference`."""
    sheet: NDArray[np.float64]
    """Maps of one maze with and without cheese, `[2, C, H, W]`."""
    sheet_of: str
    """The maze that the sheet shows, for its title."""


def write_channels(
    folder: Path, found: Sequence[ChannelsResult], origins: Sequence[Mapping[str, Any]]
) -> None:
    """Write `channels.json`, tables and figures; for several agents also their means.

    Args:
        folder: Folder of the results.
        found: Results of each agent; several agents differ only in their seed.
        origins: Provenance of each agent.
    """
    each = [{**origin, **_plain(one)} for origin, one in zip(origins, found, strict=True)]
    for one, origin in zip(found, origins, strict=True):
        stamp = f"sha256 {origin['sha256']}, seed {origin['seed']}"
        prefix = f"{one.name}-" if one.name else ""
        save_figure(_sheet(one), folder / f"{prefix}sheet.png", stamp)
        save_figure(_overview(one), folder / f"{prefix}channels.png", stamp)
    tables = [table for one in found for table in (_table(one), _resampling_table(one))]
    if len(found) == 1:
        write_json(folder / "channels.json", each[0])
    else:
        joined = over_seeds([one.effects for one in found])
        words = f"over {len(found)} training seeds"
        data = {
            "intervals": f"95 %, {words}",
            "module": found[0].module,
            "resampling": to_plain(joined),
            "runs": each,
        }
        write_json(folder / "channels.json", data)
        stamp = str(origins[0]["command"])
        save_figure(_seeds_figure(found, joined), folder / "resampling.png", stamp)
        tables.insert(0, _effects_table(joined, f"mean total variation over squares, {words}"))
    keep_tables(folder, tables)


def _plain(found: ChannelsResult) -> dict[str, Any]:
    rows = zip(
        found.tracking.to_plain(),
        found.zeros.tolist(),
        found.means.tolist(),
        found.direct_logit_attribution.tolist(),
        strict=True,
    )
    return {
        "module": found.module,
        "goal_channels": found.goal,
        "channels": [
            row
            | {"zero": z, "mean": m, "direct_logit_attribution": dict(zip(MOVES, v, strict=True))}
            for row, z, m, v in rows
        ],
        "resampling": {
            name: {"sets": found.sets[name], **{k: e.to_plain() for k, e in effects.items()}}
            for name, effects in found.effects.items()
        },
    }


def _named(name: str, title: str) -> str:
    """Return a title that begins with the run's name, if it has one."""
    return f"{name}: {title}" if name else title


def _sheet(found: ChannelsResult) -> Figure:
    notes = {c: f"r={found.tracking.correlation[c]:.2f}" for c in found.goal}
    title = _named(found.name, f"{found.module}, {found.sheet_of}: with and without cheese")
    return channel_sheet(found.sheet[0], found.sheet[1], title, notes)


def _overview(found: ChannelsResult) -> Figure:
    tracking, zeros, averages = found.tracking, found.zeros, found.means
    title = _named(found.name, f"channels of {found.module}")
    figure = new_figure(13, 4.2, title[0].upper() + title[1:])
    left, middle, right = figure.subplots(1, 3)
    colours = [CHEESE if c in found.goal else GREY for c in range(len(zeros))]
    left.scatter(tracking.correlation, tracking.hits, c=colours, s=26)
    for channel in found.goal:
        at = (tracking.correlation[channel], tracking.hits[channel])
        left.annotate(str(channel), at, xytext=(3, 3), textcoords="offset points", fontsize=8)
    left.set(xlabel="correlation with the cheese's place", ylabel="peaks beside the cheese")
    left.set_title("which channels follow the cheese", fontsize=10)
    middle.scatter(zeros, averages, c=colours, s=26)
    limit = 1.08 * max(zeros.max(), averages.max(), 1e-3)
    middle.plot([0, limit], [0, limit], lw=0.8, c=GREY, zorder=0)
    middle.set(xlabel="ablated by zero: mean total variation", ylabel="ablated by the mean")
    middle.set_title("each channel alone", fontsize=10)
    _effects(right, found.effects)
    return figure


def _seeds_figure(found: Sequence[ChannelsResult], joined: Tree) -> Figure:
    """Draw means over seeds, with a small dot for each seed."""
    figure = new_figure(5.6, 4.2, f"{found[0].module}, {len(found)} training seeds")
    ax = figure.subplots()
    for place, name in enumerate(joined):
        for kind, shift in _SHIFTS.items():
            values = [one.effects[name][kind].value for one in found]
            ax.plot(
                [place + shift + 0.06] * len(values),
                values,
                "o",
                ms=3,
                mfc="none",
                mec=_KINDS[kind][1],
            )
    _effects(ax, {name: leaves(joined, name) for name in joined})
    return figure


def _effects(ax: Axes, effects: Mapping[str, Mapping[str, Estimate]]) -> None:
    """Draw a dot with its interval for each kind of set and of donor."""
    for place, found in enumerate(effects.values()):
        for kind, shift in _SHIFTS.items():
            one, (cell, colour) = found[kind], _KINDS[kind]
            ends = np.nan_to_num([[one.value - one.low], [one.high - one.value]])
            label = None if place else f"cheese on {cell}"
            ax.errorbar(place + shift, one.value, yerr=ends, fmt="o", c=colour, label=label)
    ax.set_xticks(range(len(effects)), list(effects))
    ax.set_xlim(-0.5, len(effects) - 0.5)
    ax.set_ylim(min(0, ax.get_ylim()[0]), 1.35 * ax.get_ylim()[1])  # room for the legend
    ax.set_ylabel("mean total variation (95 %)")
    ax.set_title("channels taken from another maze", fontsize=10)
    ax.legend(fontsize=8, frameon=False, loc="upper left")


def _table(found: ChannelsResult) -> Table:
    table = new_table(
        title=_named(found.name, f"channels of {found.module} that follow the cheese"),
        caption="by move: direct logit attribution, the mean of activation × gradient of the "
        "move's logit, less the mean of moves",
        numbers=("channel", "r", "hits", "at cheese", "elsewhere", "zero", "mean", *MOVES),
    )
    tracking = found.tracking
    for c in found.goal:
        numbers = (
            tracking.correlation[c],
            tracking.hits[c],
            tracking.at_cheese[c],
            tracking.elsewhere[c],
            found.zeros[c],
            found.means[c],
            *found.direct_logit_attribution[c],
        )
        table.add_row(str(c), *(f"{number:.3f}" for number in numbers))
    return table


def _resampling_table(found: ChannelsResult) -> Table:
    counts = {name: len(sets) for name, sets in found.sets.items()}
    caption = (
        "mean total variation over squares, with 95 % intervals over mazes; sets: "
        + ", ".join(f"{count} {name}" for name, count in counts.items())
    )
    return _effects_table(found.effects, caption, found.name)


def _effects_table(effects: Tree, caption: str, name: str = "") -> Table:
    heads = ("channels", "same cell", "another cell", "difference")
    table = new_table(_named(name, "channels taken from another maze"), caption, numbers=heads)
    for kind_of_set in branch(effects):
        row = leaves(effects, kind_of_set)
        cells = (row[kind] for kind in ("same", "different", "difference"))
        table.add_row(kind_of_set, *(f"{e.value:.4f} ({e.low:.4f}, {e.high:.4f})" for e in cells))
    return table
