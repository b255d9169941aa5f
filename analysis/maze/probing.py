"""Make probe targets of maze agents: properties of the maze, and the agent's next move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from chisel.analysis.evaluation import Split
from chisel.analysis.maze.attribution import move_logits
from chisel.analysis.maze.decision_mazes import move_between, only_cheese
from chisel.analysis.maze.fields import Observe
from chisel.analysis.maze.states import held_out_states, world_cell
from chisel.analysis.probes import ProbeTarget, Sample
from chisel.configs import ConfigError, MazeConfig
from chisel.envs.maze import MOVES, MazeState, layout_digest, max_size, paths
from chisel.models import Agent, to_tensor

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
"""Splits for fitting, for choosing the penalty and for scoring. They share no layout, so no probe
is scored on walls that it was fitted to."""


def maze_targets(states: Sequence[MazeState], region: int) -> list[ProbeTarget]:
    """Make the targets that a picture of the maze determines.

    Rows and columns are those of the world, in cells, as in the network's observation.

    Args:
        states: Mazes with one cheese each.
        region: Side of the top-right region, in cells.

    Returns:
        `cheese-row`, `cheese-column`, `mouse-row`, `mouse-column`: numbers. `cheese-square`,
        `mouse-square`: classes, one for each cell. `cheese-in-region`: 1 if the cheese lies in the
        top-right region, else 0. `step-to-cheese`: the first move of the shortest path, as an index
        into `MOVES`.

    Raises:
        ConfigError: If a maze has not exactly one cheese, or no path leads to it.
    """
    cheese = np.array([world_cell(one, only_cheese(one)) for one in states], np.int64)
    mouse = np.array([world_cell(one, one.mouse) for one in states], np.int64)
    side = max(one.world_dim for one in states)
    inside = [min(only_cheese(one)) >= one.maze_dim - region for one in states]
    targets = []
    for name, cells in (("cheese", cheese), ("mouse", mouse)):
        targets.append(ProbeTarget(f"{name}-row", cells[:, 0].astype(np.float64)))
        targets.append(ProbeTarget(f"{name}-column", cells[:, 1].astype(np.float64)))
        targets.append(ProbeTarget(f"{name}-square", cells[:, 0] * side + cells[:, 1]))
    targets.append(ProbeTarget("cheese-in-region", np.array(inside, np.int64)))
    targets.append(
        ProbeTarget("step-to-cheese", np.array([_step(one) for one in states], np.int64))
    )
    return targets


def logit_targets(logits: torch.Tensor) -> list[ProbeTarget]:
    """Make targets of the centred logits of the moves RIGHT and UP (see `move_logits`).

    They are linear in the policy head's input, so a probe of that layer must predict them without
    error.

    Args:
        logits: Logits of the 15 actions `[N, 15]`.
    """
    moves = move_logits(logits.double()).numpy()
    return [
        ProbeTarget(f"vote-{name.lower()}", moves[:, MOVES.index(name)].copy())
        for name in ("RIGHT", "UP")
    ]


def _step(state: MazeState) -> int:
    way = paths.shortest_path(state.open, state.mouse, only_cheese(state))
    if not way:
        raise ConfigError(f"maze {state.level_seed}: no way leads from the mouse to the cheese")
    return move_between(way[0], way[:2][-1])  # a mouse on the cheese stays


def states_of(
    agent: Agent, config: MazeConfig, levels: Sequence[int], seed: int
) -> list[list[MazeState]]:
    """Make one state of each level, with its cheese anywhere and the mouse on a random free square.

    The mouse faces a random side. It never stands on the cheese, where the episode would have
    ended. There are only four mazes of 3×3, all in one split, so they are left out if there are
    larger ones, to keep the splits similar.

    Args:
        agent: The agent whose environment the levels are for.
        config: The environment.
        levels: Number of levels of each of `SPLITS`.
        seed: Seed of the levels, squares and orientations.

    Raises:
        ConfigError: If there are too few levels.
        CheckpointError: If the agent is for another environment.
    """
    generator = np.random.default_rng([seed, 0x9B0])
    sizes = _sizes(config)
    sets = []
    for split, count in zip(SPLITS, levels, strict=True):
        states = held_out_states(agent, config, levels=count, split=split, seed=seed, sizes=sizes)
        for state in states:
            _put_mouse(state, generator)
        sets.append(states)
    return sets


def sample_of(
    sets: Sequence[Sequence[MazeState]],
    observe: Observe,
    region: int,
    more: Sequence[ProbeTarget] = (),
) -> Sample:
    """Make the sample that probes are fitted to and scored on.

    Args:
        sets: States of each of `SPLITS`, each with one cheese.
        observe: Function that makes observations of states.
        region: Side of the top-right region, in cells.
        more: Further targets of all these states, concatenated in the order of `SPLITS`.
    """
    states = [state for one in sets for state in one]
    digests = [layout_digest(state.grid).hex() for state in states]
    layouts = np.unique(digests, return_inverse=True)[1].astype(np.int64)
    targets = (*maze_targets(states, region), *more)
    return Sample(to_tensor(observe(states)), targets, layouts, (len(sets[0]), len(sets[1])))


def _sizes(config: MazeConfig) -> range:
    largest = max_size(config)
    return range(max(config.levels.min_size, min(5, largest)), largest + 1, 2)


def _put_mouse(state: MazeState, generator: np.random.Generator) -> None:
    free = [cell for cell in paths.free_cells(state.open) if cell not in state.cheese]
    state.set_mouse(*free[int(generator.integers(len(free)))])
    state.is_reflected = bool(generator.integers(2))
