"""The states that probes are fitted to, chosen by and scored on: three sets of layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from chisel.analysis.fields import Observe
from chisel.analysis.held_out import Split, held_out_levels
from chisel.analysis.probes.facts import Fact, maze_facts
from chisel.configs import WORLD_SIZE, MazeConfig
from chisel.envs.maze import MazeState, layout_digest, paths
from chisel.models import Agent, to_tensor

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
"""A layout of one is never in another: no probe is scored on walls that it was fitted to."""


@dataclass(frozen=True, eq=False)
class Sample:
    """`N` states: fitted ones first, then those for choosing, then those for scoring."""

    obs: Tensor
    """`[N, C, H, W]`."""
    facts: tuple[Fact, ...]
    layouts: NDArray[np.int64]
    """A number for each arrangement of walls `[N]`."""
    parts: tuple[int, int]
    """How many are fitted, and how many are for choosing."""


def states_of(
    agent: Agent, config: MazeConfig, levels: Sequence[int], seed: int
) -> list[list[MazeState]]:
    """One state for each level, its cheese anywhere, the mouse on a random free square.

    Of mazes of 3×3 there are four, which are all in one set: they are left out where there are
    larger ones, so that the sets are alike.

    The mouse faces either way, and never stands on the cheese, where an episode would have ended.

    Args:
        agent: Who is asked.
        config: Which mazes.
        levels: How many of each of `SPLITS`.
        seed: Of the levels, squares and orientations.

    Raises:
        ConfigError: If there are too few levels.
        CheckpointError: If the agent is for another environment.
    """
    generator = np.random.default_rng([seed, 0x9B0])
    config = replace(config, levels=replace(config.levels, min_size=_least(config)))
    sets = []
    for split, count in zip(SPLITS, levels, strict=True):
        bank = held_out_levels(agent, config, "anywhere", levels=count, split=split, seed=seed)
        states = [bank.state(number) for number in range(count)]
        for state in states:
            _put_mouse(state, generator)
        sets.append(states)
    return sets


def sample_of(
    sets: Sequence[Sequence[MazeState]],
    observe: Observe,
    region: int,
    more: Sequence[Fact] = (),
) -> Sample:
    """What a network is shown, and what is asked.

    Args:
        sets: States of each of `SPLITS`, each with one cheese.
        observe: What the network sees of them.
        region: Side of the top-right region.
        more: Other facts of all these states in a row.
    """
    states = [state for one in sets for state in one]
    digests = [layout_digest(state.grid).hex() for state in states]
    layouts = np.unique(digests, return_inverse=True)[1].astype(np.int64)
    facts = (*maze_facts(states, region), *more)
    return Sample(to_tensor(observe(states)), facts, layouts, (len(sets[0]), len(sets[1])))


def _least(config: MazeConfig) -> int:
    largest = config.levels.max_size or WORLD_SIZE[config.mode]
    return max(config.levels.min_size, min(5, largest))


def _put_mouse(state: MazeState, generator: np.random.Generator) -> None:
    free = [cell for cell in paths.free_cells(state.open) if cell not in state.cheese]
    state.set_mouse(*free[int(generator.integers(len(free)))])
    state.is_reflected = bool(generator.integers(2))
