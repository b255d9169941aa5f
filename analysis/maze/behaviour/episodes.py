"""Episodes of an agent on held-out mazes, with what may explain how they end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chisel.analysis.evaluation import OUTCOMES, HeldOut, Placement, Split, held_out
from chisel.analysis.maze.behaviour.corner import CornerWatch
from chisel.analysis.maze.behaviour.metrics import decision_of, maze_metrics
from chisel.analysis.results import Frame
from chisel.configs import ConfigError, RunConfig
from chisel.envs.maze import Level, LevelSet
from chisel.models import Agent

ProgressCallback = Callable[[int, int], None]

FACTS = ("level_seed", "layout", "size", "in_region", "corner", "l", "cheese_path")
"""Facts of an episode that are kept as they are; `layout` is a number that names the walls, `l` its
length in steps, `cheese_path` that of the shortest way from the start to the cheese."""


def decision_episodes(
    agent: Agent,
    config: RunConfig,
    *,
    levels: int,
    split: Split = "test",
    outside: bool | None = None,
    progress: ProgressCallback | None = None,
) -> Frame:
    """Play levels that have a decision square, the cheese anywhere, and measure each maze.

    Args:
        agent: Who plays; actions are sampled.
        config: Which mazes; `config.eval.seed` decides levels and actions.
        levels: How many are played, each once.
        split: Which layouts.
        outside: Keep only mazes whose cheese lies outside the top-right region; None does so for
            agents that were trained with it inside, as the published statistics do. Fewer rows
            than levels are left then.
        progress: Called with episodes done and wanted.

    Returns:
        A row for each episode: `cheese` (whether it ended there), `corner` (whether the mouse came
        through that), the facts `FACTS`, `row_offset` and `col_offset` (cheese minus decision
        square), `row_corner` and `col_corner` (cheese minus corner), and `METRICS`.

    Raises:
        ConfigError: If there are too few such levels, or none is left.
        CheckpointError: If the agent is for another environment.
    """
    with held_out(agent, config, "anywhere", levels=levels, split=split, decision=True) as mazes:
        facts = watched(mazes, agent, config, progress)
        region, world = config.env.region, mazes.level_set.look.world_dim

        def of(level: Level) -> dict[str, Any]:
            return maze_metrics(level, region=region, world_dim=world) | offsets(level)

        frame = frame_of(facts, mazes.level_set, of)
    if config.env.cheese == "region" if outside is None else outside:
        frame = frame.where(~frame["in_region"])
        if not len(frame):
            raise ConfigError(
                f"none of {levels} levels has its cheese outside the top-right {region}×{region}: "
                "the mazes are too small, or the levels too few"
            )
    return frame


def plain_episodes(
    agent: Agent,
    config: RunConfig,
    placement: Placement,
    *,
    levels: int,
    split: Split = "test",
    progress: ProgressCallback | None = None,
) -> Frame:
    """Play levels of every kind, with the cheese as in training or anywhere.

    Args:
        agent: Who plays; actions are sampled.
        config: Which mazes; `config.eval.seed` decides levels and actions.
        placement: Where the cheese lies.
        levels: How many are played; the same mazes for either placement.
        split: Which layouts.
        progress: Called with episodes done and wanted.

    Returns:
        Rows as those of `decision_episodes`, without metrics and offsets. Mazes without any cheese
        to be found are left out.
    """
    with held_out(agent, config, placement, levels=levels, split=split, decision=False) as mazes:
        facts = watched(mazes, agent, config, progress)
        frame = frame_of(facts, mazes.level_set)
    return frame.where(facts["cheese_path"] >= 0)


def watched(
    mazes: HeldOut, agent: Agent, config: RunConfig, progress: ProgressCallback | None = None
) -> dict[str, NDArray[Any]]:
    """Play every level once; the facts have `corner` as well (see `CornerWatch`)."""
    env = CornerWatch(mazes.env, int(mazes.level_set.sizes.max()))
    draws = torch.Generator().manual_seed(config.eval.seed)
    return replace(mazes, env=env).play(agent.policy, draws, progress=progress)


def offsets(level: Level) -> dict[str, int]:
    """Where the cheese lies, seen from the decision square and from the top-right corner."""
    cheese, square = decision_of(level)
    last = level.size - 1
    return {
        "row_offset": cheese[0] - square[0],
        "col_offset": cheese[1] - square[1],
        "row_corner": cheese[0] - last,
        "col_corner": cheese[1] - last,
    }


def frame_of(
    facts: dict[str, NDArray[Any]],
    level_set: LevelSet,
    about: Callable[[Level], dict[str, Any]] = lambda _: {},
) -> Frame:
    """The table of episodes, one for each level.

    Args:
        facts: What `watched` returned.
        level_set: The levels that were played.
        about: What else to note of each level.
    """
    levels = [level_set[index] for index in range(len(level_set))]
    columns = {"cheese": facts["outcome"] == OUTCOMES.index("cheese")}
    columns |= {name: facts[name] for name in FACTS}
    rows = [about(level) for level in levels]
    return Frame(columns | {name: np.array([row[name] for row in rows]) for name in rows[0]})
