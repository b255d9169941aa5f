"""Make mazes to study: held-out ones, and copies with the cheese or a wall changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from chisel.analysis.evaluation import Placement, Split, held_out_levels
from chisel.configs import WORLD_SIZE, ConfigError, MazeConfig
from chisel.envs.maze import FREE, Cell, MazeState, max_size
from chisel.models import Agent

StatePair = Literal["cheese", "top-right"]
"""Names of two sets of mazes that differ in one thing; see `with_and_without`."""


def held_out_states(
    agent: Agent,
    config: MazeConfig,
    placement: Placement = "anywhere",
    *,
    levels: int,
    split: Split,
    seed: int,
    sizes: Sequence[int] | None = None,
    decision: bool = False,
) -> list[MazeState]:
    """Return the first states of held-out mazes, which `held_out_levels` chooses.

    Arguments are those of `held_out_levels`; the cheese is anywhere by default.

    Raises:
        ConfigError: If `levels` is below 1, or there are too few such levels.
        CheckpointError: If the agent is for another environment.
    """
    if levels < 1:
        raise ConfigError(f"levels={levels}: must be at least 1")
    level_set = held_out_levels(
        agent,
        config,
        placement,
        levels=levels,
        split=split,
        seed=seed,
        sizes=sizes,
        decision=decision,
    )
    return [level_set.state(index) for index in range(len(level_set))]


def with_and_without(
    name: StatePair, states: Sequence[MazeState], config: MazeConfig
) -> tuple[list[MazeState], list[MazeState]]:
    """Return two sets of mazes that differ in one thing.

    `cheese`: each maze unchanged, and without its cheese. `top-right`: each maze with a path opened
    from its own top-right cell up and then right to the corner of the world, and unchanged; mazes
    that fill the world have such a path already, and are left out.

    Args:
        name: Name of the thing in which they differ.
        states: The mazes. They are not changed.
        config: The environment, for the agent's view.

    Raises:
        ConfigError: If a maze has no cheese; if no maze is smaller than the world; or if the agent
            does not see the world around the maze.
    """
    if name == "cheese":
        return [_with_known_cheese(one) for one in states], [without_cheese(one) for one in states]
    if config.observation != "pixels":
        raise ConfigError(
            "states=top-right: this agent sees the maze alone and no way through the world around "
            "it; that needs env.observation=pixels"
        )
    smaller = [one for one in states if one.maze_dim < one.world_dim]
    if not smaller:
        raise ConfigError("states=top-right: every maze fills its world, so no path can be opened")
    return [to_world_corner(one) for one in smaller], [one.copy() for one in smaller]


def without_cheese(state: MazeState) -> MazeState:
    """Return a copy of a maze without its cheese.

    Raises:
        ConfigError: If the maze has no cheese.
    """
    copy = _with_known_cheese(state)
    copy.remove_cheese()
    return copy


def to_world_corner(state: MazeState) -> MazeState:
    """Return a copy of a maze with an L-shaped path from its top right to that of the world."""
    copy = state.copy()
    world, edge, low = copy.world, copy.world_dim - 1, copy.margin + copy.maze_dim - 1
    world[low : edge + 1, low] = FREE
    world[edge, low : edge + 1] = FREE
    world[copy.margin : low + 1, copy.margin : low + 1] = (
        state.grid
    )  # which may have its cheese there
    copy.set_world(world, state.maze_dim)
    return copy


def world_cell(state: MazeState, cell: Cell) -> Cell:
    """Return the cell of the world at a cell of the inner maze, to compare mazes of any size."""
    return cell[0] + state.margin, cell[1] + state.margin


def view_side(config: MazeConfig) -> int:
    """Return the number of squares along one side of the agent's view.

    Raises:
        ConfigError: If the view moves with the mouse.
    """
    if config.observation != "pixels":
        return max_size(config)
    if config.mode == "memory":
        raise ConfigError("env.mode=memory: the view moves with the mouse, squares have no place")
    return WORLD_SIZE[config.mode]


def layer_cell(state: MazeState, cell: Cell, side: int, shape: Sequence[int]) -> Cell:
    """Return row and column of the place in a layer that shows the middle of a square.

    Planes and images show the maze in the middle. Row 0 of a layer is on top.

    Args:
        state: The maze, for its size.
        cell: Row and column of a square in the inner maze, row 0 at the bottom.
        side: Squares along a side of the view; see `view_side`.
        shape: Height and width of the layer.
    """
    ring = (side - state.maze_dim) // 2
    row, col = side - 1 - (cell[0] + ring), cell[1] + ring
    return int((row + 0.5) * shape[0] / side), int((col + 0.5) * shape[1] / side)


def _with_known_cheese(state: MazeState) -> MazeState:
    if not state.cheese:
        raise ConfigError(f"maze {state.level_seed} has no cheese, but the study is about it")
    return state.copy()
