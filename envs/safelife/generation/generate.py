"""Generate the level of a task and a seed, equal to SafeLife's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from chisel.configs import ConfigError, hint
from chisel.envs.safelife import cells
from chisel.envs.safelife.generation.draws import Bits, integer, new_bits, weighted
from chisel.envs.safelife.generation.partition import Regions, partition
from chisel.envs.safelife.generation.regions import populate
from chisel.envs.safelife.generation.tasks import TASKS, Region, Task
from chisel.envs.safelife.generation.ways import WAYS, TwoWays, two_ways
from chisel.envs.safelife.levels import Level

AnyTask = Task | TwoWays
_ALL: dict[str, AnyTask] = {**TASKS, WAYS.name: WAYS}


def task_named(name: str, *, exit: bool = True) -> AnyTask:
    """Return the description of the levels of a task.

    Args:
        name: Name of one of the papers' tasks, or `ways`.
        exit: Whether its levels have an exit.

    Raises:
        ConfigError: If there is no task of this name.
    """
    if name not in _ALL:
        raise ConfigError(f"task {name!r}: {hint(name, _ALL)}")
    return replace(_ALL[name], exit=exit)


def generate(task: AnyTask, seed: int) -> Level:
    """Generate a level; equal seeds give equal levels, in every process.

    For the papers' tasks the board is divided into regions. The agent is put between them, and the
    exit as far away from it as possible; then each region is filled. Goals between the regions are
    white: nothing should live there.

    Args:
        task: Description of the levels.
        seed: The entropy of a `np.random.SeedSequence`; not negative.
    """
    if isinstance(task, TwoWays):
        return two_ways(task, seed)
    bits = new_bits(seed)
    regions = partition(bits, task.shape, task.least_regions, task.most_regions)
    board, goals = np.zeros(task.shape, np.uint16), np.zeros(task.shape, np.uint16)
    agent, way_out = _ends(bits, regions)
    board[agent] = cells.PLAYER
    if task.exit:
        board[way_out] = cells.OPEN_EXIT
    for place in (agent, way_out):
        _clear_around(regions, place)
    filling = task.first
    for number in np.unique(regions[regions > 0]):
        added, wanted = populate(bits, regions == number, filling or _one_of(bits, task.later))
        board |= added
        goals |= wanted
        filling = None
    goals[(regions <= 0) & (goals & cells.COLORS == 0)] |= cells.WHITE
    return Level(board, goals, seed, name=task.name)


def _ends(bits: Bits, regions: Regions) -> tuple[tuple[int, int], tuple[int, int]]:
    """Draw a place between regions for the agent; return it and the farthest place from it."""
    places = np.argwhere(regions == 0)
    start = places[integer(bits, len(places))]
    ways = np.abs(places - start)
    lengths = np.minimum(ways, regions.shape - ways).sum(axis=1)
    end = places[lengths.argmax()]
    return (int(start[0]), int(start[1])), (int(end[0]), int(end[1]))


def _clear_around(regions: Regions, place: tuple[int, int]) -> None:
    """Remove the 3x3 square around a place from all regions."""
    rows, columns = (np.arange(at - 1, at + 2) for at in place)
    height, width = regions.shape
    regions[np.ix_(rows % height, columns % width)] = -1


def _one_of(bits: Bits, fillings: tuple[Region, ...]) -> Region:
    if len(fillings) == 1:
        return fillings[0]
    return fillings[weighted(bits, np.ones(len(fillings)))]
