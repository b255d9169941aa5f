"""The study `channels`: find channels that follow the cheese, and measure their effects."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from chisel.analysis.maze import direct_logit_attribution
from chisel.analysis.maze.channels import (
    LAYER,
    Effects,
    StudiedLayer,
    ablation_sweep,
    channel_sheet,
    channels_figure,
    donor_for,
    donors_of,
    goal_channels,
    matched_channels,
    random_channels,
    record_maze,
    resampled,
    resampling_figure,
    studied_layer,
    with_cheese,
)
from chisel.analysis.results import (
    Agents,
    Count,
    DataTable,
    Estimate,
    ProgressCallback,
    Result,
    Seed,
    Share,
    Within,
    counted,
    estimate_over_seeds,
    mean_over_seeds,
)
from chisel.configs import ConfigError
from chisel.envs.maze import MOVES, MazeState
from chisel.models import Agent, to_tensor

_SWEPT = 6
"""Number of mazes in which each channel is ablated alone."""
_POOL = 6
"""Number of mazes from which donors are chosen, per maze that receives channels."""

Sets = Mapping[str, Sequence[list[int]]]
"""Channels that are resampled together, by kind of set."""


@dataclass(frozen=True, eq=False)
class _Channels:
    """Measurements of the channels of a layer of one agent."""

    studied: StudiedLayer
    channels: pd.DataFrame
    """A row for each channel: measures of how well it follows the cheese, the effects of ablating
    it alone by `zero` and by its `mean`, and its direct logit attribution to each move."""
    goal: list[int]
    """Channels that follow the cheese."""
    sets: Sets
    effects: Effects
    shown: MazeState
    """The maze that the sheet shows."""


def run(
    checkpoint: Agents,
    *,
    module: str = LAYER,
    levels: Count = 20,
    cells: Annotated[int, Within(2)] = 12,
    top: Count = 4,
    hits: Share = 0.5,
    controls: Count = 5,
    split: Literal["validation", "test"] = "test",
    seed: Seed = 0,
) -> Result:
    """Find the channels that follow the cheese on validation mazes, and test what they do.

    Each seed of a group has its own channels; effects are then means over seeds.

    Args:
        checkpoint: A maze agent.
        module: The layer, such as `embedder.block2.res1.resadd`.
        levels: Number of validation mazes in which channels are found, and number of mazes in which
            they are tested.
        cells: Number of cheese cells in each maze.
        top: Largest number of channels that are found.
        hits: Smallest share of cheese cells beside which a channel must peak.
        controls: Number of sets of random channels.
        split: Split of the mazes in which channels are tested.
        seed: Seed of all draws.

    Returns:
        Numbers of every channel; tables of the channels that follow the cheese, and of the effects
        of taking them from other mazes; and figures: all channels of the layer in one maze, with
        and without cheese (`sheet`), and their effects (`channels`; over seeds also `resampling`).

    Raises:
        ConfigError: If there is no such module, no channel is found, or there are too few mazes.
    """

    def measure(agent: Agent, progress: ProgressCallback) -> _Channels:
        studied = studied_layer(agent, module)
        known = studied.mazes(levels, "validation", seed)
        tracking = studied.tracking(known, cells, seed)
        goal = goal_channels(tracking, top, hits)
        pool = studied.mazes(levels * _POOL, split, seed)
        swept = [record_maze(studied.layer_split, one, studied.observe) for one in known[:_SWEPT]]
        zeros, means = ablation_sweep(
            swept,
            torch.cat([one.maps for one in swept]).mean(0),
            functools.partial(progress, "each channel ablated"),
        )
        sets = _sets(goal, zeros, controls, np.random.default_rng([seed, 1]))
        logits = np.concatenate(
            [direct_logit_attribution(studied.layer_split, one.obs) for one in swept]
        ).mean(axis=0)
        moves = dict(zip(MOVES, logits.T, strict=True))
        return _Channels(
            studied,
            tracking.to_frame().assign(zero=zeros, mean=means, **moves),
            goal,
            sets,
            _resampling(studied, sets, pool, levels, seed, progress),
            shown=max(known, key=lambda state: state.maze_dim),
        )

    found = checkpoint.each(measure)
    each = [_result(one) for one in found]
    if len(each) == 1:
        return each[0]
    effects = {
        kind: {
            what: estimate_over_seeds([one.effects[kind][what] for one in found]) for what in own
        }
        for kind, own in found[0].effects.items()
    }
    over = f"{len(found)} training seeds"
    return Result(
        data={"intervals": f"95 %, over {over}", "module": module, "resampling": effects},
        tables={"resampling": _effects_table(effects, over)},
        figures={
            "resampling": resampling_figure(
                [one.effects for one in found], effects, f"{module}, {over}"
            )
        },
    ).with_seeds(dict(zip(checkpoint.names, each, strict=True)))


def _sets(
    goal: list[int], zeros: NDArray[np.float64], controls: int, generator: np.random.Generator
) -> Sets:
    """Return the sets of channels that are resampled: those that were found, and controls."""
    drawn = [random_channels(len(zeros), goal, generator) for _ in range(controls)]
    matched = matched_channels(zeros, goal, generator)
    return {"goal": [goal], "random": drawn, "as strong": [matched]}


def _resampling(
    studied: StudiedLayer,
    sets: Sets,
    pool: Sequence[MazeState],
    levels: int,
    seed: int,
    progress: ProgressCallback,
) -> dict[str, dict[str, Estimate]]:
    """Measure the effects of each kind of set, with the donor's cheese on the same or another cell.

    Intervals are over mazes; in each maze the effects of the random sets are averaged.
    """
    generator = np.random.default_rng([seed, 2])
    found: dict[str, list[list[float]]] = {name: [] for name in sets}
    receivers = _receivers(pool, levels)
    for state in counted(receivers, "channels from another maze", progress):
        donor = donor_for(state, pool, generator)
        receiver = record_maze(studied.layer_split, state, studied.observe)
        for name, several in sets.items():
            each = [resampled(receiver, donor, studied.observe, one) for one in several]
            found[name].append([float(np.mean(own)) for own in zip(*each, strict=True)])
    return {name: _estimates(*np.transpose(effects)) for name, effects in found.items()}


def _receivers(pool: Sequence[MazeState], count: int) -> list[MazeState]:
    """Choose mazes of at least 5×5 for which another maze can be the donor."""
    chosen = [state for state in pool if state.maze_dim >= 5 and donors_of(state, pool)]
    if not chosen:
        raise ConfigError("no maze has another of its size to take channels from; raise levels=")
    return chosen[:count]


def _estimates(same: NDArray[np.float64], different: NDArray[np.float64]) -> dict[str, Estimate]:
    return {
        "same": mean_over_seeds(same, within=(0, 1)),
        "different": mean_over_seeds(different, within=(0, 1)),
        "difference": mean_over_seeds(different - same, within=(-1, 1)),
    }


def _result(found: _Channels) -> Result:
    """Return the numbers, tables and figures of one agent."""
    module, shown, channels = found.studied.layer_split.module, found.shown, found.channels
    states = [shown, with_cheese(shown, None)]
    maps = found.studied.layer_split.before(to_tensor(found.studied.observe(states)))
    with_it, without = maps.double().numpy()
    size = f"{shown.maze_dim}×{shown.maze_dim}"
    title = f"{module}, level {shown.level_seed} ({size}): with and without cheese"
    goal = channels.iloc[found.goal]
    notes = {c: f"r={r:.2f}" for c, r in zip(found.goal, goal["correlation"], strict=True)}
    overview = channels_figure(channels, found.goal, found.effects, f"Channels of {module}")
    columns = {"correlation": "r", "at_cheese": "at cheese"}
    sets = ", ".join(f"{len(some)} {name}" for name, some in found.sets.items())
    return Result(
        data={
            "module": module,
            "goal_channels": found.goal,
            "channels": [_plain_channel(row) for row in _rows(channels)],
            "resampling": {
                name: {"sets": found.sets[name], **own} for name, own in found.effects.items()
            },
        },
        tables={
            "goal-channels": DataTable(
                f"channels of {module} that follow the cheese",
                _rows(goal.drop(columns="selectivity").rename(columns=columns)),
                caption="by move: direct logit attribution, the mean of activation × gradient of "
                "the move's logit, less the mean of moves",
                form=".3f",
            ),
            "resampling": _effects_table(found.effects, f"mazes; sets: {sets}"),
        },
        figures={"sheet": channel_sheet(with_it, without, title, notes), "channels": overview},
        frames={"all-channels": channels},
    )


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def _plain_channel(row: Mapping[str, Any]) -> dict[str, Any]:
    moves = {move: row[move] for move in MOVES}
    rest = {name: value for name, value in row.items() if name not in moves}
    return rest | {"direct_logit_attribution": moves}


def _effects_table(effects: Effects, over: str) -> DataTable:
    heads = {"same": "same cell", "different": "another cell", "difference": "difference"}
    rows = [
        {"channels": name, **{head: own[what] for what, head in heads.items()}}
        for name, own in effects.items()
    ]
    return DataTable(
        "channels taken from another maze",
        rows,
        caption=f"mean total variation over squares, with 95 % intervals over {over}",
        form=".4f",
    )
