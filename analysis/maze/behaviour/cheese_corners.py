"""P(cheese) with the cheese put into each corner of the maze."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from chisel.analysis.evaluation import HeldOut, Split, held_out
from chisel.analysis.maze.behaviour.episodes import episode_frame, play_once
from chisel.analysis.maze.behaviour.summary import ends
from chisel.analysis.results import ProgressCallback, Tree, require_spaces
from chisel.configs import ConfigError, RunConfig
from chisel.envs.maze import WALL, LevelSet, MazeState, make_from_levels
from chisel.models import Agent

CORNERS: Mapping[str, tuple[int, int]] = {
    "top right": (1, 1),
    "top left": (1, 0),
    "bottom right": (0, 1),
    "bottom left": (0, 0),
}
"""Row and column of each corner, as multiples of the last row and column."""


def cheese_in_corners(
    agent: Agent,
    config: RunConfig,
    generator: np.random.Generator,
    *,
    levels: int,
    split: Split = "test",
    progress: ProgressCallback = lambda what, done, wanted: None,
) -> Tree:
    """Play the same mazes with the cheese in each of their corners.

    The mouse starts in the bottom left as always, or in the top right if the cheese lies in the
    bottom left. Where the top-right corner is a goal of its own, neither the cheese nor the mouse
    can be put there, so those two corners are left out.

    Args:
        agent: The agent; its actions are sampled.
        config: The environment; `config.eval.seed` decides levels and actions.
        generator: Draws the intervals over layouts.
        levels: Number of mazes.
        split: Split that the layouts come from.
        progress: Called with the corner and the numbers of episodes done and wanted.

    Returns:
        How episodes ended (see `maze.behaviour.summary.ends`), by the corner's name.

    Raises:
        ConfigError: If a corner of a maze is a wall.
    """
    with held_out(agent, config, "anywhere", levels=levels, split=split, decision=False) as mazes:
        level_set = mazes.level_set
    possible = [
        name
        for name in CORNERS
        if config.env.goals == "cheese" or name in ("top left", "bottom right")
    ]
    by_corner: dict[str, Tree] = {}
    for name in possible:
        edited = LevelSet.from_states(
            [_moved(level_set.state(index), name) for index in range(len(level_set))]
        )
        env = make_from_levels(
            config.env, edited, num_envs=min(config.eval.num_envs, len(level_set))
        )
        try:
            require_spaces(agent, env)
            own_progress = functools.partial(progress, f"cheese {name}")
            mazes = HeldOut(env, edited, config.eval.seed)
            episodes = play_once(mazes, agent, config, own_progress)
        finally:
            env.close()
        by_corner[name] = ends(episode_frame(episodes, edited), generator)
    return by_corner


def _moved(state: MazeState, name: str) -> MazeState:
    """Put the cheese of a maze into a corner, and the mouse into another if it is there."""
    last, (up, right) = state.maze_dim - 1, CORNERS[name]
    cell = (up * last, right * last)
    if state.grid[cell] == WALL:
        raise ConfigError(f"level {state.level_seed}: its {name} corner {cell} is a wall")
    state.set_cheese([cell])
    if cell == state.mouse:
        state.set_mouse(last, last, strict=True)
    return state
