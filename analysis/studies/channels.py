"""The study `channels`: which channels follow the cheese, what they vote for, what they do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from analysis.channels import (
    Resampled,
    Tracking,
    ablation_sweep,
    channel_sheet,
    donor_for,
    matched_channels,
    random_channels,
    resampled,
    votes,
    watch,
    with_cheese,
)
from analysis.channels.recipe import LAYER, Subject, goal_channels, subject
from analysis.figures import save_figure
from analysis.output import provenance, show, study_command, study_folder, write_json
from analysis.stats import Estimate, bootstrap_mean
from configs import ConfigError
from envs.maze import MOVES, MazeState
from models import to_tensor

STUDY = "channels"
_SWEPT = 6
"""Mazes in which every channel is ablated alone."""
_POOL = 6
"""Mazes to take donors from, for each that receives."""


def run(
    *,
    checkpoint: Path | str,
    module: str = LAYER,
    levels: int = 20,
    cells: int = 12,
    top: int = 4,
    hits: float = 0.5,
    controls: int = 5,
    split: Literal["validation", "test"] = "test",
    seed: int = 0,
    env: str | None = None,
    out: Path | str | None = None,
) -> Path:
    """Find the channels that follow the cheese on validation mazes, and test what they do.

    Args:
        checkpoint: A run, a `.ckpt`, a shipped folder or a published `.pth`.
        module: The layer, such as `embedder.block2.res1.resadd`.
        levels: Validation mazes to look for channels in, and as many others to test them in.
        cells: Cheese cells in each.
        top: At most so many channels count.
        hits: Share of cheese cells beside which a channel must peak, in 0…1.
        controls: Sets of random channels.
        split: Of the mazes to test in.
        seed: Of everything drawn.
        env: For published weights, the experiment whose environment they play in.
        out: Folder for the results; None is `studies/channels` of the run.

    Returns:
        The folder, with `channels.json`, `sheet.png` (all channels of the layer in one maze, with
        and without cheese) and `channels.png`.

    Raises:
        ConfigError: If an option is impossible, there is no such module, or no channel is found.
    """
    if min(levels, controls, top) < 1:
        raise ConfigError(f"levels={levels}, controls={controls}, top={top}: at least 1 of each")
    studied = subject(checkpoint, module, env)
    known = studied.mazes(levels, "validation", seed)
    tracking = studied.tracking(known, cells, seed)
    goal = goal_channels(tracking, top, hits)
    swept = [watch(studied.cut, state, studied.observe) for state in known[:_SWEPT]]
    means = torch.cat([one.maps for one in swept]).mean(0)
    zeros, averages = ablation_sweep(swept, means)
    sets = _sets(goal, zeros, controls, np.random.default_rng([seed, 1]))
    effects = _resampling(studied, sets, levels, split, seed)
    said = np.concatenate([votes(studied.cut, one.obs) for one in swept])
    folder = study_folder(studied.agent, STUDY, out)
    words = {"module": module, "levels": levels, "cells": cells, "top": top, "hits": hits}
    words |= {"controls": controls, "split": split, "seed": seed, "env": env}
    command = study_command(STUDY, words, checkpoint)
    origin = provenance(studied.agent, studied.config, seed=seed, command=command)
    rows = [
        row | {"zero": z, "mean": m, "votes": dict(zip(MOVES, v, strict=True))}
        for row, z, m, v in zip(
            tracking.to_plain(),
            zeros.tolist(),
            averages.tolist(),
            said.mean(axis=0).tolist(),
            strict=True,
        )
    ]
    data = {
        "module": module,
        "goal_channels": goal,
        "channels": rows,
        "resampling": {
            name: {"sets": sets[name], **{k: e.to_plain() for k, e in found.items()}}
            for name, found in effects.items()
        },
    }
    write_json(folder / f"{STUDY}.json", origin | data)
    stamp = f"sha256 {studied.agent.digest}, seed {seed}"
    notes = {c: f"r={tracking.correlation[c]:.2f}" for c in goal}
    sheet = _sheet(studied, max(known, key=lambda state: state.maze_dim), notes)
    save_figure(sheet, folder / "sheet.png", stamp)
    overview = _overview(tracking, zeros, averages, goal, effects, module)
    save_figure(overview, folder / f"{STUDY}.png", stamp)
    show(_table(tracking, zeros, averages, said, goal, module))
    show(_resampling_table(effects, sets))
    return folder


def _sets(
    goal: list[int], zeros: NDArray[np.float64], controls: int, generator: np.random.Generator
) -> dict[str, list[list[int]]]:
    """The sets of channels that are resampled: the ones found, and controls of the same number."""
    drawn = [random_channels(len(zeros), goal, generator) for _ in range(controls)]
    matched = matched_channels(zeros, goal, generator)
    return {"goal": [goal], "random": drawn, "as strong": [matched]}


def _resampling(
    studied: Subject,
    sets: dict[str, list[list[int]]],
    levels: int,
    split: Literal["validation", "test"],
    seed: int,
) -> dict[str, dict[str, Estimate]]:
    """Effects of each kind of set with the donor's cheese on the same and on another cell.

    Intervals are over mazes; the random sets are averaged in each.
    """
    generator = np.random.default_rng([seed, 2])
    pool = studied.mazes(levels * _POOL, split, seed)
    found: dict[str, list[Resampled]] = {name: [] for name in sets}
    for state in _receivers(pool, levels):
        donor = donor_for(state, pool, generator)
        seen = watch(studied.cut, state, studied.observe)
        for name, several in sets.items():
            each = [resampled(seen, donor, studied.observe, one) for one in several]
            same, different = (
                float(np.mean([getattr(one, kind) for one in each]))
                for kind in ("same", "different")
            )
            found[name].append(Resampled(same, different))
    return {name: _estimates(effects, generator) for name, effects in found.items()}


def _receivers(pool: Sequence[MazeState], count: int) -> list[MazeState]:
    """Mazes of at least 5×5 for which the others have one of the same size with the cell free."""
    chosen = []
    for state in pool:
        partners = [
            one
            for one in pool
            if one.maze_dim == state.maze_dim
            and not np.array_equal(one.open, state.open)
            and one.open[state.cheese[0]]
        ]
        if state.maze_dim >= 5 and partners and state.cheese[0] != state.mouse:
            chosen.append(state)
    if not chosen:
        raise ConfigError("no maze has another of its size to take channels from; raise levels=")
    return chosen[:count]


def _estimates(effects: Sequence[Resampled], generator: np.random.Generator) -> dict[str, Estimate]:
    same, different = (
        np.array([getattr(one, kind) for one in effects]) for kind in ("same", "different")
    )
    return {
        "same": bootstrap_mean(same, generator),
        "different": bootstrap_mean(different, generator),
        "difference": bootstrap_mean(different - same, generator),
    }


def _sheet(studied: Subject, state: MazeState, notes: dict[int, str]) -> Figure:
    obs = to_tensor(studied.observe([state, with_cheese(state, None)]))
    maps = studied.cut.before(obs).double().numpy()
    side = state.maze_dim
    where = f"{studied.cut.module}, level {state.level_seed} ({side}×{side})"
    title = f"{where}: with and without cheese"
    return channel_sheet(maps[0], maps[1], title, notes)


def _overview(
    tracking: Tracking,
    zeros: NDArray[np.float64],
    averages: NDArray[np.float64],
    goal: Sequence[int],
    effects: dict[str, dict[str, Estimate]],
    module: str,
) -> Figure:
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    colours = ["#ff7f0e" if c in goal else "#9a9aa6" for c in range(len(zeros))]
    left.scatter(tracking.correlation, tracking.hits, c=colours, s=26)
    for channel in goal:
        at = (tracking.correlation[channel], tracking.hits[channel])
        left.annotate(str(channel), at, xytext=(3, 3), textcoords="offset points", fontsize=8)
    left.set(xlabel="correlation with the cheese's place", ylabel="peaks beside the cheese")
    left.set_title("which channels follow the cheese", fontsize=10)
    middle.scatter(zeros, averages, c=colours, s=26)
    limit = 1.08 * max(zeros.max(), averages.max(), 1e-3)
    middle.plot([0, limit], [0, limit], lw=0.8, c="#c9c9d1", zorder=0)
    middle.set(xlabel="ablated by zero: mean total variation", ylabel="ablated by the mean")
    middle.set_title("each channel alone", fontsize=10)
    for place, found in enumerate(effects.values()):
        for shift, kind, colour in ((-0.12, "same", "#1f77b4"), (0.12, "different", "#d62728")):
            one = found[kind]
            ends = np.nan_to_num([[one.value - one.low], [one.high - one.value]])
            label = f"cheese on {'the same cell' if kind == 'same' else 'another cell'}"
            right.errorbar(
                place + shift,
                one.value,
                yerr=ends,
                fmt="o",
                c=colour,
                label=None if place else label,
            )
    right.set_xticks(range(len(effects)), list(effects))
    right.set_ylim(0, 1.35 * right.get_ylim()[1])  # room for the legend
    right.set_ylabel("mean total variation (95 %)")
    right.set_title("channels taken from another maze", fontsize=10)
    right.legend(fontsize=8, frameon=False, loc="upper left")
    figure.suptitle(f"Channels of {module}", fontsize=11.5, fontweight="bold")
    return figure


def _table(
    tracking: Tracking,
    zeros: NDArray[np.float64],
    averages: NDArray[np.float64],
    said: NDArray[np.float64],
    goal: Sequence[int],
    module: str,
) -> Table:
    table = Table(
        title=f"Channels of {module} that follow the cheese",
        caption="votes: mean of activation × gradient of each move's logit, less the mean of moves",
    )
    for name in ("channel", "r", "hits", "at cheese", "elsewhere", "zero", "mean", *MOVES):
        table.add_column(name, justify="right")
    for c in goal:
        numbers = (tracking.correlation[c], tracking.hits[c], tracking.at_cheese[c])
        numbers += (tracking.elsewhere[c], zeros[c], averages[c], *said[:, c].mean(axis=0))
        table.add_row(str(c), *(f"{number:.3f}" for number in numbers))
    return table


def _resampling_table(
    effects: dict[str, dict[str, Estimate]], sets: dict[str, list[list[int]]]
) -> Table:
    table = Table(
        title="Channels taken from another maze",
        caption="mean total variation over squares, with 95 % intervals over mazes",
    )
    for name in ("channels", "sets", "same cell", "another cell", "difference"):
        table.add_column(name, justify="right")
    for name, found in effects.items():
        cells = (f"{e.value:.4f} ({e.low:.4f}, {e.high:.4f})" for e in found.values())
        table.add_row(name, str(len(sets[name])), *cells)
    return table
