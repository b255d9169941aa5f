"""P(cheese) with the cheese put into each corner of the maze."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from chisel.analysis.evaluation import HeldOut, Split, held_out
from chisel.analysis.maze.behaviour.episodes import frame_of, watched
from chisel.analysis.maze.behaviour.summary import ends
from chisel.analysis.results import Tree, require_spaces
from chisel.configs import ConfigError, RunConfig
from chisel.envs.maze import WALL, LevelSet, MazeState, make_from_levels
from chisel.models import Agent

CORNERS: Mapping[str, tuple[int, int]] = {
    "top right": (1, 1),
    "top left": (1, 0),
    "bottom right": (0, 1),
    "bottom left": (0, 0),
}
"""Row and column of each, as 0 or 1 times the last."""


def cheese_in_corners(
    agent: Agent,
    config: RunConfig,
    generator: np.random.Generator,
    *,
    levels: int,
    split: Split = "test",
    progress: Callable[[str, int, int], None] | None = None,
) -> Tree:
    """Play the same mazes with the cheese in each of their corners.

    The mouse starts where it always does, in the bottom left; only when the cheese lies there it
    starts in the top right, the corner farthest away. Where the top-right corner is a goal of its
    own, neither it nor that start is possible, and both are left out.

    Args:
        agent: Who plays; actions are sampled.
        config: Which mazes; `config.eval.seed` decides levels and actions.
        generator: Of the intervals, over layouts.
        levels: How many mazes.
        split: Which layouts.
        progress: Called with the corner, episodes done and wanted.

    Returns:
        How episodes ended (see `maze.behaviour.summary.ends`) under each corner's name.

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
    found: dict[str, Tree] = {}
    for name in possible:
        edited = LevelSet.from_states(
            [_moved(level_set.state(i), name) for i in range(len(level_set))]
        )
        env = make_from_levels(
            config.env, edited, num_envs=min(config.eval.num_envs, len(level_set))
        )
        try:
            require_spaces(agent, env)
            seen = None if progress is None else _named(progress, f"cheese {name}")
            facts = watched(HeldOut(env, edited, config.eval.seed), agent, config, seen)
        finally:
            env.close()
        found[name] = ends(frame_of(facts, edited), generator)
    return found


def _named(progress: Callable[[str, int, int], None], name: str) -> Callable[[int, int], None]:
    return lambda done, wanted: progress(name, done, wanted)


def _moved(state: MazeState, name: str) -> MazeState:
    """The maze with its cheese in a corner."""
    last, (up, right) = state.maze_dim - 1, CORNERS[name]
    cell = (up * last, right * last)
    if state.grid[cell] == WALL:
        raise ConfigError(f"level {state.level_seed}: its {name} corner {cell} is a wall")
    state.set_cheese([cell])
    if cell == state.mouse:
        state.set_mouse(last, last, strict=True)
    return state
