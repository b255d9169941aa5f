"""Play an agent on held-out mazes, and tabulate episodes with properties that may explain them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chisel.analysis.evaluation import OUTCOMES, HeldOut, Player, Split, held_out
from chisel.analysis.maze.behaviour.metrics import METRICS, decision_of, maze_metrics
from chisel.configs import ConfigError, RunConfig
from chisel.envs.maze import Level, LevelSet
from chisel.models import Agent

EpisodeProgress = Callable[[int, int], None]
"""Function that is called with the numbers of episodes done and wanted."""

EPISODE_COLUMNS = ("level_seed", "layout", "size", "in_region", "corner", "l", "cheese_path")
"""Columns that are copied from an episode's facts. `layout` is a number that identifies the walls,
`l` the episode's length in steps, and `cheese_path` the length in steps of the shortest path from
the start to the cheese."""

COLUMNS = (*EPISODE_COLUMNS, "row_offset", "col_offset", "row_corner", "col_corner", *METRICS)
"""Columns of the table of `decision_episodes`, besides `cheese`."""


def decision_episodes(
    agent: Agent,
    config: RunConfig,
    *,
    levels: int,
    split: Split = "test",
    outside: bool | None = None,
    progress: EpisodeProgress | None = None,
) -> pd.DataFrame:
    """Play levels that have a decision square, the cheese anywhere, and measure each maze.

    Args:
        agent: The agent; its actions are sampled.
        config: The environment; `config.eval.seed` decides levels and actions.
        levels: Number of levels, each of which is played once.
        split: Split that the layouts come from.
        outside: Whether to keep only mazes whose cheese lies outside the top-right region, so that
            the table has fewer rows than levels. None does so for agents that were trained with the
            cheese inside, as the published statistics do.
        progress: Called with the numbers of episodes done and wanted.

    Returns:
        A row for each episode: `cheese` (whether it ended at the cheese), `corner` (whether the
        mouse came through the corner), the other `EPISODE_COLUMNS`, `row_offset` and `col_offset`
        (cheese minus decision square), `row_corner` and `col_corner` (cheese minus corner), and
        `METRICS`.

    Raises:
        ConfigError: If there are too few such levels, or no row is left.
        CheckpointError: If the agent is for another environment.
    """
    with held_out(agent, config, "anywhere", levels=levels, split=split, decision=True) as mazes:
        episodes = play_once(mazes, agent, config, progress)
        region, world = config.env.region, mazes.level_set.look.world_dim

        def columns(level: Level) -> dict[str, Any]:
            return maze_metrics(level, region=region, world_dim=world) | offsets(level)

        frame = episode_frame(episodes, mazes.level_set, columns)
    if config.env.cheese == "region" if outside is None else outside:
        frame = frame[~frame["in_region"]]
        if not len(frame):
            raise ConfigError(
                f"none of {levels} levels has its cheese outside the top-right {region}×{region}: "
                "the mazes are too small, or the levels too few"
            )
    return frame


class CornerWatch:
    """Wraps a maze environment, and adds to episodes whether the mouse was in the `corner`.

    If the top-right corner is no goal, procgen does not report that the mouse came through it.

    Args:
        env: A `MazeVectorEnv`.
    """

    def __init__(self, env: Any) -> None:
        self._env = env
        self.num_envs: int = env.num_envs
        self._visited = np.zeros(self.num_envs, np.bool_)

    def reset(self, **options: Any) -> Any:
        """Reset the environment."""
        started = self._env.reset(**options)
        self._visited[:] = False
        return started

    def step(self, actions: NDArray[np.int64]) -> Any:
        """Step the environment and follow the mice."""
        boards = self._env.boards
        self._visited |= boards.in_corner(boards.moved(actions))
        result = self._env.step(actions)
        ended = result[2] | result[3]
        if ended.any():
            result[4]["episode"]["corner"] = self._visited.copy()
            self._visited[ended] = False
        return result


def play_once(
    mazes: HeldOut, agent: Agent, config: RunConfig, progress: EpisodeProgress | None = None
) -> dict[str, NDArray[Any]]:
    """Play every level once, and report `corner` as well (see `CornerWatch`)."""
    env = CornerWatch(mazes.env)
    return replace(mazes, env=env).play(
        Player("agent", agent.policy), (config.eval.seed,), progress
    )


def offsets(level: Level) -> dict[str, int]:
    """Return the cheese's place relative to the decision square and to the top-right corner."""
    cheese, square = decision_of(level)
    last = level.size - 1
    return {
        "row_offset": cheese[0] - square[0],
        "col_offset": cheese[1] - square[1],
        "row_corner": cheese[0] - last,
        "col_corner": cheese[1] - last,
    }


def episode_frame(
    episodes: dict[str, NDArray[Any]],
    level_set: LevelSet,
    more: Callable[[Level], dict[str, Any]] = lambda _: {},
) -> pd.DataFrame:
    """Make the table of episodes, with a row for each level.

    Args:
        episodes: The episodes of `play_once`.
        level_set: The levels that were played.
        more: Function that returns further columns of a level.
    """
    levels = [level_set[index] for index in range(len(level_set))]
    columns = {"cheese": episodes["outcome"] == OUTCOMES.index("cheese")}
    columns |= {name: episodes[name] for name in EPISODE_COLUMNS}
    return pd.DataFrame(columns).join(pd.DataFrame([more(level) for level in levels]))
