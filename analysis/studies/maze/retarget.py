"""The study `retarget`: measure how well clamping channels leads the mouse to each square."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from chisel.analysis.maze.channels import (
    LAYER,
    LED,
    RetargetMap,
    goal_channels,
    led_figure,
    random_channels,
    retarget_figure,
    retarget_map,
    studied_layer,
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
    mean_over_seeds,
    over_seeds,
)
from chisel.configs import ConfigError
from chisel.models import Agent

NEAR = 3
"""Largest number of steps from the path to the corner at which a square counts as near it."""
_DETECTION = 20
"""Number of validation mazes in which channels are found and their usual values measured."""
_CELLS = 12
"""Number of cheese cells in each of these mazes."""
_DRAWN = 6
"""Number of an agent's mazes that have their own figure."""

_Channel = Annotated[int, Within(0)]
"""Number of a channel."""


@dataclass(frozen=True, eq=False)
class _Led:
    """Results of clamping one agent's channels together at each square."""

    channels: list[int]
    values: list[float]
    """Value to which each channel is clamped; the controls are clamped to the same values."""
    controls: list[int]
    maps: Sequence[RetargetMap]
    squares: Sequence[pd.DataFrame]
    """Squares of each maze's map, with path probabilities under each intervention of `LED`."""
    summary: Mapping[str, Estimate]


def run(
    checkpoint: Agents,
    *,
    module: str = LAYER,
    channels: tuple[_Channel, ...] | None = None,
    strength: float = 3.0,
    levels: Count = 30,
    top: Count = 4,
    hits: Share = 0.5,
    ceiling: bool = True,
    split: Literal["validation", "test"] = "test",
    seed: Seed = 0,
) -> Result:
    """Clamp channels at every square of mazes in turn, and measure how the mouse follows.

    The score of a square is the geometric mean of the probabilities of the moves that lead to it
    from the start ("normalised path probability"), in the maze without cheese. It is compared with
    clamping other channels to the same values, and with really moving the cheese. Each seed of a
    group has its own channels and values; scores are then means over seeds.

    Args:
        checkpoint: A maze agent.
        module: The layer, such as `embedder.block2.res1.resadd`.
        channels: Numbers of the channels; left out, those that follow the cheese are found.
        strength: Value of a clamped channel: its mean plus this many times its usual rise at the
            cheese.
        levels: Number of mazes; the first six are drawn.
        top: Largest number of channels, if they are found.
        hits: Smallest share of cheese cells beside which a channel must peak, if they are found.
        ceiling: Whether to really move the cheese as well, which takes most of the time.
        split: Split of the mazes.
        seed: Seed of all draws.

    Returns:
        Scores of every square, a table of their means, a figure of each drawn maze, and a figure of
        scores over distance (`retarget`).

    Raises:
        ConfigError: If there is no such module or channel, or no channel is found.
    """

    def measure(agent: Agent, progress: ProgressCallback) -> _Led:
        studied = studied_layer(agent, module)
        known = studied.tracking(studied.mazes(_DETECTION, "validation", seed), _CELLS, seed)
        count = len(known.correlation)
        chosen = goal_channels(known, top, hits) if channels is None else _known(channels, count)
        rise = known.at_cheese[chosen] - known.elsewhere[chosen]
        values = (known.elsewhere[chosen] + strength * rise).tolist()
        controls = random_channels(count, chosen, np.random.default_rng([seed, 1]))
        clamp = functools.partial(
            retarget_map,
            studied.layer_split,
            observe=studied.observe,
            config=studied.config.env,
            values=values,
        )
        maps, squares = [], []
        mazes = studied.mazes(levels, split, seed)
        for state in counted(mazes, "mazes", progress):
            maps.append(clamp(state, channels=chosen, ceiling=ceiling))
            control = clamp(state, channels=controls, ceiling=False).clamped
            squares.append(maps[-1].to_frame().assign(level_seed=state.level_seed, control=control))
        return _Led(chosen, values, controls, maps, squares, _summary(squares))

    found = checkpoint.each(measure)
    each = [_result(one, module) for one in found]
    curves = led_figure([pd.concat(one.squares) for one in found])
    if len(found) == 1:
        return replace(each[0], figures={**each[0].figures, "retarget": curves})
    summary = over_seeds([one.summary for one in found])
    over = f"{len(found)} training seeds"
    return Result(
        data={"intervals": f"95 %, over {over}", "summary": summary},
        tables={"scores": _table(summary, "channels and values of each seed below", over)},
        figures={"retarget": curves},
    ).with_seeds(dict(zip(checkpoint.names, each, strict=True)))


def _known(channels: Sequence[int], count: int) -> list[int]:
    """Return the requested channels, all of which the layer must have."""
    for channel in channels:
        if channel >= count:
            raise ConfigError(f"channels={channel}: the layer has channels 0…{count - 1}")
    return list(channels)


def _summary(mazes: Sequence[pd.DataFrame]) -> dict[str, Estimate]:
    """Return means over mazes of the mean over squares, with intervals over mazes.

    For each intervention there is also the gain over `base`, over all squares and over those that
    are near the path to the corner but not on it.
    """
    summary = {}
    for name in (name for name in LED if name in mazes[0]):
        scores = [squares[name].to_numpy() for squares in mazes]
        summary[name] = mean_over_seeds([one.mean() for one in scores], within=(0, 1))
        if name == "base":
            continue
        gains = [
            one - squares["base"].to_numpy() for one, squares in zip(scores, mazes, strict=True)
        ]
        summary[f"{name} over base"] = mean_over_seeds(
            [one.mean() for one in gains], within=(-1, 1)
        )
        beside = [squares["off_path"].between(1, NEAR).to_numpy() for squares in mazes]
        near = [gain[rows].mean() for gain, rows in zip(gains, beside, strict=True) if rows.any()]
        if near:
            summary[f"{name} over base, near the way"] = mean_over_seeds(near, within=(-1, 1))
    return summary


def _result(found: _Led, module: str) -> Result:
    """Return the numbers, the table and the figures of one agent."""
    clamped = ", ".join(
        f"{channel} at {value:.2f}"
        for channel, value in zip(found.channels, found.values, strict=True)
    )
    listed = ", ".join(map(str, found.channels))
    figures = {}
    for number, one in enumerate(found.maps[:_DRAWN]):
        side, level = one.state.maze_dim, one.state.level_seed
        title = f"level {level}, {side}×{side}: channels {listed}"
        figures[f"{number:02d}"] = retarget_figure(one, title)
    caption = f"channels clamped: {clamped}; near: 1 to {NEAR} steps off the way to the corner"
    return Result(
        data={
            "module": module,
            "channels": found.channels,
            "values": found.values,
            "control_channels": found.controls,
            "summary": found.summary,
            "mazes": [
                _maze(one, squares) for one, squares in zip(found.maps, found.squares, strict=True)
            ],
        },
        tables={"scores": _table(found.summary, caption, "mazes")},
        figures=figures,
        frames={"squares": pd.concat(found.squares, ignore_index=True)},
    )


def _maze(found: RetargetMap, squares: pd.DataFrame) -> dict[str, Any]:
    return {
        "level_seed": found.state.level_seed,
        "maze": found.state.draw().splitlines(),
        "targets": found.targets,
        **{
            name: squares[name].to_numpy()
            for name in ("distance", "off_path", *LED)
            if name in squares
        },
    }


def _table(summary: Mapping[str, Estimate], caption: str, over: str) -> DataTable:
    rows = []
    for name, one in summary.items():
        kind, *rest = name.split(" ", 1)
        rows.append({"done": " ".join([LED[kind], *rest]), f"mean over {over}": one})
    return DataTable("Normalised path probability", rows, caption=caption, form=".3f")
