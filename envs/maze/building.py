"""Make level sets: procgen generates levels, and those of the wanted sizes and split are kept."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chisel.configs.errors import ConfigError
from chisel.envs.maze import paths
from chisel.envs.maze.goals import RegionCheese, corner_of
from chisel.envs.maze.levels import LevelSet
from chisel.envs.maze.procgen_game import Look, ProcgenMaze
from chisel.envs.maze.rules import MAX_SEED
from chisel.envs.maze.splits import split_of
from chisel.envs.maze.state import MazeState

GAMES = 64
"""Games that generate levels side by side. Another number would give other levels for a seed."""
LISTED_SEEDS = 2**20
"""A range of at most so many seeds is shuffled and gone through once; from a longer one procgen
draws."""


@dataclass(frozen=True)
class LevelSetRecipe:
    """The levels that a level set is made of.

    Attributes:
        look: Mode and visual options.
        count: Number of levels.
        sizes: Allowed sides of the inner maze.
        start: First level seed; only used when `num` is not 0.
        num: Consecutive seeds to take from; 0 means all.
        split: Split of the layouts.
        cheese: Moves the cheese of each level once; None leaves it where procgen put it.
        decision: Only levels where neither of cheese and corner lies on the path to the other.
    """

    look: Look
    count: int
    sizes: tuple[int, ...]
    start: int = 0
    num: int = 0
    split: Literal["all", "train", "validation", "test"] = "all"
    cheese: RegionCheese | None = None
    decision: bool = False


def build_level_set(recipe: LevelSetRecipe, seed: int, *, threads: int = 0) -> LevelSet:
    """Make the levels of a recipe; equal recipes and seeds give equal level sets in any process.

    Args:
        recipe: Properties of the levels.
        seed: Decides which of the possible levels are taken, their order, and the cells of region
            cheese.
        threads: procgen's worker threads; never changes the result.

    Raises:
        ConfigError: If too few levels fit the recipe.
    """
    levels_seed, cheese_seed = np.random.SeedSequence([seed, 0xBA17]).spawn(2)
    generator = np.random.default_rng(levels_seed)
    cheese_generator = np.random.default_rng(cheese_seed)
    parts: list[LevelSet] = []
    missing = recipe.count
    with contextlib.closing(_fitting(recipe, generator, cheese_generator, threads)) as states:
        while missing:
            # In batches, because a full state is a hundred times larger than a level.
            batch = list(itertools.islice(states, min(missing, GAMES)))
            if not batch:
                raise ConfigError(_too_few(recipe, recipe.count - missing))
            parts.append(LevelSet.from_states(batch))
            missing -= len(batch)
    return LevelSet(
        look=parts[0].look,
        seeds=np.concatenate([part.seeds for part in parts]),
        sizes=np.concatenate([part.sizes for part in parts]),
        worlds=np.concatenate([part.worlds for part in parts]),
        starts=np.concatenate([part.starts for part in parts]),
        backgrounds=np.concatenate([part.backgrounds for part in parts]),
        shifts=np.concatenate([part.shifts for part in parts]),
    )


def _fitting(
    recipe: LevelSetRecipe,
    generator: np.random.Generator,
    cheese_generator: np.random.Generator,
    threads: int,
) -> Generator[MazeState, None, None]:
    """Yield levels that fit the recipe, until the range is used up or too many did not fit."""
    listed = 0 < recipe.num <= LISTED_SEEDS
    generate = _listed if listed else _drawn
    patience = None if listed else 20_000 + 200 * recipe.count
    with contextlib.closing(generate(recipe, generator, threads)) as states:
        for state in itertools.islice(states, patience):
            if state.maze_dim not in recipe.sizes:
                continue
            if recipe.split not in ("all", split_of(state.grid)):
                continue
            if recipe.cheese:
                recipe.cheese.place(state, cheese_generator)
            corner = corner_of(state.maze_dim)
            if (
                not recipe.decision
                or paths.to_goals(state.open, state.mouse, state.cheese, corner).decision
            ):
                yield state


def _drawn(
    recipe: LevelSetRecipe, generator: np.random.Generator, threads: int
) -> Generator[MazeState, None, None]:
    """Yield levels from procgen's own random streams, without end."""
    seed = int(generator.integers(MAX_SEED))
    start, num = (recipe.start, recipe.num) if recipe.num else (0, 0)
    game = ProcgenMaze(GAMES, recipe.look, seed=seed, start=start, levels=num, threads=threads)
    with contextlib.closing(game):
        while True:
            for row in range(GAMES):
                yield MazeState(game.read(row))
            game.restart()


def _listed(
    recipe: LevelSetRecipe, generator: np.random.Generator, threads: int
) -> Generator[MazeState, None, None]:
    """Yield every level of the range once, in random order."""
    seeds = recipe.start + generator.permutation(recipe.num)
    with contextlib.closing(ProcgenMaze(GAMES, recipe.look, seed=0, threads=threads)) as game:
        scratch = MazeState(game.read(0))
        for first in range(0, len(seeds), GAMES):
            batch = seeds[first : first + GAMES].tolist()
            for row, seed in enumerate(batch):
                scratch.seed_range = (seed, seed + 1)
                game.write(row, scratch.buffer)
            game.restart()
            for row in range(len(batch)):
                yield MazeState(game.read(row))


def _too_few(recipe: LevelSetRecipe, found: int) -> str:
    where = f"seeds {recipe.start}…{recipe.start + recipe.num - 1}" if recipe.num else "all seeds"
    decision = " and with a decision square" if recipe.decision else ""
    return (
        f"{recipe.count} levels are wanted, but only {found} were found ({where}) with a size in "
        f"{recipe.sizes[0]}…{recipe.sizes[-1]} and in split {recipe.split!r}{decision}: ask for "
        "fewer levels, more seeds or more sizes"
    )
