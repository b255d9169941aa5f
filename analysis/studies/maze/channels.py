"""The study `channels`: which channels follow the cheese, and how they change the policy."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from chisel.analysis.maze import direct_logit_attribution
from chisel.analysis.maze.channels import (
    LAYER,
    ChannelsResult,
    Resampled,
    StudiedLayer,
    Tracking,
    ablation_sweep,
    donor_for,
    goal_channels,
    matched_channels,
    random_channels,
    record_maze,
    resampled,
    studied_layer,
    with_cheese,
    write_channels,
)
from chisel.analysis.results import (
    Estimate,
    ProgressCallback,
    Request,
    labelled,
    mean_over_seeds,
    names_of,
    naming,
    progress_bars,
    runs_of,
)
from chisel.configs import ConfigError
from chisel.envs.maze import MazeState
from chisel.models import to_tensor

STUDY = "channels"
_SWEPT = 6
"""Number of mazes in which every channel is ablated alone."""
_POOL = 6
"""Number of mazes to choose donors from, per maze that channels are put into."""


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
        checkpoint: A run, a `.ckpt`, a folder of seeds, a shipped folder or a published `.pth`.
        module: The layer, such as `embedder.block2.res1.resadd`.
        levels: Number of validation mazes in which channels are found, and of other mazes in which
            they are tested.
        cells: Number of cheese cells in each maze.
        top: Number of channels at most.
        hits: Least share of cheese cells beside which a channel must peak, in 0…1.
        controls: Number of sets of random channels.
        split: Split of the mazes in which channels are tested.
        seed: Seed of everything that is drawn.
        env: For published weights, the experiment whose environment they play in.
        out: Folder for the results; None is `studies/channels` of the run or group.

    Returns:
        The folder, with `channels.json`, `tables.json`, `sheet.png` (all channels of the layer in
        one maze, with and without cheese) and `channels.png`. Each seed of a folder of seeds has
        its own channels and figures, called `SEED-sheet.png` and so on, and `resampling.png` has
        means over seeds with intervals.

    Raises:
        ConfigError: If an option is impossible, there is no such module, or no channel is found.
    """
    asked = Request.of(STUDY, run, locals())
    if min(levels, controls, top) < 1:
        raise ConfigError(f"levels={levels}, controls={controls}, top={top}: at least 1 of each")
    runs = runs_of(checkpoint)
    found, origins = [], []
    with progress_bars() as progress:
        for path, name in zip(runs, names_of(runs), strict=True):
            studied = studied_layer(path, module, env)
            known = studied.mazes(levels, "validation", seed)
            tracking = studied.tracking(known, cells, seed)
            with naming(name):
                goal = goal_channels(tracking, top, hits)
            pool = studied.mazes(levels * _POOL, split, seed)
            own_progress = labelled(progress, name)
            found.append(
                _study(name, studied, known, tracking, goal, pool, controls, seed, own_progress)
            )
            origins.append(asked.provenance(studied.agent, studied.config, seed=seed))
    with asked.results(asked.folder(studied.agent)) as folder:
        write_channels(folder, found, origins)
    return folder


def _study(
    name: str,
    studied: StudiedLayer,
    known: Sequence[MazeState],
    tracking: Tracking,
    goal: list[int],
    pool: Sequence[MazeState],
    controls: int,
    seed: int,
    progress: ProgressCallback,
) -> ChannelsResult:
    swept = [record_maze(studied.layer_split, state, studied.observe) for state in known[:_SWEPT]]
    means = torch.cat([one.maps for one in swept]).mean(0)
    zeros, averages = ablation_sweep(
        swept, means, functools.partial(progress, "each channel ablated")
    )
    sets = _sets(goal, zeros, controls, np.random.default_rng([seed, 1]))
    attribution = np.concatenate(
        [direct_logit_attribution(studied.layer_split, one.obs) for one in swept]
    )
    largest = max(known, key=lambda state: state.maze_dim)
    return ChannelsResult(
        name=name,
        module=studied.layer_split.site.module,
        tracking=tracking,
        goal=goal,
        zeros=zeros,
        means=averages,
        direct_logit_attribution=attribution.mean(axis=0),
        sets=sets,
        effects=_resampling(studied, sets, len(known), pool, seed, progress),
        sheet=_sheet(studied, largest),
        sheet_of=f"level {largest.level_seed} ({largest.maze_dim}×{largest.maze_dim})",
    )


def _sets(
    goal: list[int], zeros: NDArray[np.float64], controls: int, generator: np.random.Generator
) -> dict[str, list[list[int]]]:
    """Return the sets of channels that are resampled: the found ones, and controls."""
    drawn = [random_channels(len(zeros), goal, generator) for _ in range(controls)]
    matched = matched_channels(zeros, goal, generator)
    return {"goal": [goal], "random": drawn, "as strong": [matched]}


def _resampling(
    studied: StudiedLayer,
    sets: dict[str, list[list[int]]],
    levels: int,
    pool: Sequence[MazeState],
    seed: int,
    progress: ProgressCallback,
) -> dict[str, dict[str, Estimate]]:
    """Measure the effects of each kind of set, the donor's cheese on the same and on another cell.

    Intervals are over mazes; in each maze the random sets are averaged.
    """
    generator = np.random.default_rng([seed, 2])
    found: dict[str, list[Resampled]] = {name: [] for name in sets}
    receivers = _receivers(pool, levels)
    for number, state in enumerate(receivers):
        donor = donor_for(state, pool, generator)
        receiver = record_maze(studied.layer_split, state, studied.observe)
        for name, several in sets.items():
            each = [resampled(receiver, donor, studied.observe, one) for one in several]
            same, different = (
                float(np.mean([getattr(one, kind) for one in each]))
                for kind in ("same", "different")
            )
            found[name].append(Resampled(same, different))
        progress("channels from another maze", number + 1, len(receivers))
    return {name: _estimates(effects) for name, effects in found.items()}


def _receivers(pool: Sequence[MazeState], count: int) -> list[MazeState]:
    """Choose mazes of at least 5×5 for which another maze can be the donor."""
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


def _estimates(effects: Sequence[Resampled]) -> dict[str, Estimate]:
    same, different = (
        np.array([getattr(one, kind) for one in effects]) for kind in ("same", "different")
    )
    return {
        "same": mean_over_seeds(same, within=(0, 1)),
        "different": mean_over_seeds(different, within=(0, 1)),
        "difference": mean_over_seeds(different - same, within=(-1, 1)),
    }


def _sheet(studied: StudiedLayer, state: MazeState) -> NDArray[np.float64]:
    """Return the layer's maps for one maze with and without its cheese, `[2, C, H, W]`."""
    obs = to_tensor(studied.observe([state, with_cheese(state, None)]))
    maps: NDArray[np.float64] = studied.layer_split.before(obs).double().numpy()
    return maps
