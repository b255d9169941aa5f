"""Pairs of mazes that differ in one thing: the cheese, or a way to the world's top-right corner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from chisel.configs import ConfigError, MazeConfig
from chisel.envs.maze import FREE, Cell, MazeState

Named = Literal["cheese", "top-right"]


def with_and_without(
    name: Named, states: Sequence[MazeState], config: MazeConfig
) -> tuple[list[MazeState], list[MazeState]]:
    """The two sets whose activations are subtracted.

    `cheese`: each maze as it is, and without its cheese. `top-right`: each maze with a way opened
    from its own top-right cell up and then right to the corner of the world, and as it is; mazes
    that fill the world have that way already and are left out.

    Args:
        name: Which pair.
        states: The mazes; not changed.
        config: What the agent sees.

    Raises:
        ConfigError: If a maze has no cheese; if no maze is smaller than the world; or if the agent
            does not see the world around the maze.
    """
    if name == "cheese":
        return [_with_cheese(one) for one in states], [without_cheese(one) for one in states]
    if config.observation != "pixels":
        raise ConfigError(
            "states=top-right: this agent sees the maze alone and no way through the world around "
            "it; that needs env.observation=pixels"
        )
    smaller = [one for one in states if one.maze_dim < one.world_dim]
    if not smaller:
        raise ConfigError("states=top-right: every maze fills its world, there is no way to open")
    return [to_world_corner(one) for one in smaller], [one.copy() for one in smaller]


def without_cheese(state: MazeState) -> MazeState:
    """The maze without cheese, which it must have.

    Raises:
        ConfigError: If it has none.
    """
    copy = _with_cheese(state)
    copy.remove_cheese()
    return copy


def to_world_corner(state: MazeState) -> MazeState:
    """The maze with an L-shaped way from its top-right cell to the world's top-right corner."""
    copy = state.copy()
    world, edge, low = copy.world, copy.world_dim - 1, copy.margin + copy.maze_dim - 1
    world[low : edge + 1, low] = FREE
    world[edge, low : edge + 1] = FREE
    world[copy.margin : low + 1, copy.margin : low + 1] = state.grid  # a cheese may lie in it
    copy.set_world(world, state.maze_dim)
    return copy


def world_cell(state: MazeState, cell: Cell) -> Cell:
    """A cell of the inner maze as one of the world: what two mazes have in common in a picture."""
    return cell[0] + state.margin, cell[1] + state.margin


def _with_cheese(state: MazeState) -> MazeState:
    if not state.cheese:
        raise ConfigError(f"maze {state.level_seed} has no cheese, but the study is about it")
    return state.copy()
