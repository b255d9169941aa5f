"""Make level sets: draw procgen's levels, and keep those of the wanted sizes and split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chisel.configs.errors import ConfigError
from chisel.envs.maze import paths
from chisel.envs.maze.goals import RegionCheese, corner_of
from chisel.envs.maze.levels import LevelSet
from chisel.envs.maze.native import draw_levels, level_streams, next_seeds, seed_limits
from chisel.envs.maze.rules import CHEESE, MAX_SEED, WALL, Look
from chisel.envs.maze.splits import split_of

GAMES = 64
"""Number of games whose streams give level seeds in turn. Another number would give other levels
for a seed."""
BATCH = 64 * GAMES
"""Number of levels that are drawn together; it never changes the result."""
LISTED_SEEDS = 2**20
"""Largest length of a range of seeds that is shuffled and gone through once. From a longer range
levels are drawn."""


@dataclass(frozen=True)
class LevelSetRecipe:
    """Description of the levels of a level set.

    Attributes:
        look: Mode and visual options.
        count: Number of levels.
        sizes: Allowed sides of the inner maze in cells.
        start: First level seed; only used when `num` is not 0.
        num: Number of consecutive seeds to take levels from; 0 means all seeds.
        split: Split of the layouts.
        cheese: Moves the cheese of each level once; None leaves it where procgen put it.
        decision: Whether only levels are taken in which neither the cheese nor the corner lies on
            the path to the other.
    """

    look: Look
    count: int
    sizes: tuple[int, ...]
    start: int = 0
    num: int = 0
    split: Literal["all", "train", "validation", "test"] = "all"
    cheese: RegionCheese | None = None
    decision: bool = False


def build_level_set(recipe: LevelSetRecipe, seed: int) -> LevelSet:
    """Make the levels of a recipe; equal recipes and seeds give equal level sets in any process.

    Args:
        recipe: Properties of the levels.
        seed: Decides which of the possible levels are taken, their order, and the cells of region
            cheese.

    Raises:
        ConfigError: If too few levels fit the recipe.
    """
    levels_seed, cheese_seed = np.random.SeedSequence([seed, 0xBA17]).spawn(2)
    cheese_generator = np.random.default_rng(cheese_seed)
    parts, missing = [], recipe.count
    for seeds in _seeds(recipe, np.random.default_rng(levels_seed)):
        drawn = _drawn(recipe.look, seeds)
        kept = _fitting(recipe, drawn, cheese_generator, missing)
        parts.append(drawn.take(kept))
        missing -= len(kept)
        if not missing:
            return LevelSet.joined(parts)
    raise ConfigError(_too_few(recipe, recipe.count - missing))


def _seeds(recipe: LevelSetRecipe, generator: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield batches of level seeds, until the range is used up or enough have been tried.

    The seeds of a short range are each taken once, in random order. Those of a long range are drawn
    by the streams of procgen's games.
    """
    if 0 < recipe.num <= LISTED_SEEDS:
        listed = recipe.start + generator.permutation(recipe.num)
        for first in range(0, recipe.num, BATCH):
            yield listed[first : first + BATCH]
        return
    streams = level_streams(int(generator.integers(MAX_SEED)), GAMES)
    limits = seed_limits(recipe.start, recipe.num)
    left = 20_000 + 200 * recipe.count
    while left:
        drawn = next_seeds(streams, BATCH // GAMES, *limits)[:left]
        left -= len(drawn)
        yield drawn


def _drawn(look: Look, seeds: NDArray[np.int64]) -> LevelSet:
    """Draw the levels of these seeds."""
    worlds, sizes, backgrounds, shifts = draw_levels(seeds, look.world_dim)
    starts = np.zeros((len(seeds), 2), np.int64)
    return LevelSet(look, seeds.astype(np.int32), sizes, worlds, starts, backgrounds, shifts)


def _fitting(
    recipe: LevelSetRecipe, levels: LevelSet, generator: np.random.Generator, most: int
) -> list[int]:
    """Return the first `most` levels that fit the recipe; move the cheese of those tried."""
    kept: list[int] = []
    for index in np.flatnonzero(np.isin(levels.sizes, recipe.sizes)).tolist():
        if len(kept) == most:
            break
        grid = levels.inner(index)
        if recipe.split not in ("all", split_of(grid)):
            continue
        if recipe.cheese:
            recipe.cheese.lay(levels.worlds[index], len(grid), (0, 0), generator)
        if not recipe.decision or _has_decision(grid):
            kept.append(index)
    return kept


def _has_decision(grid: NDArray[np.uint8]) -> bool:
    """Return whether a mouse at (0, 0) decides between the cheese and the corner."""
    rows, cols = np.nonzero(grid == CHEESE)
    cheese = zip(rows.tolist(), cols.tolist(), strict=True)
    return paths.to_goals(grid != WALL, (0, 0), cheese, corner_of(len(grid))).decision


def _too_few(recipe: LevelSetRecipe, found: int) -> str:
    where = f"seeds {recipe.start}…{recipe.start + recipe.num - 1}" if recipe.num else "all seeds"
    decision = " and with a decision square" if recipe.decision else ""
    return (
        f"{recipe.count} levels are wanted, but only {found} were found ({where}) with a size in "
        f"{recipe.sizes[0]}…{recipe.sizes[-1]} and in split {recipe.split!r}{decision}: ask for "
        "fewer levels, more seeds or more sizes"
    )
