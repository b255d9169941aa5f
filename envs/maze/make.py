"""Make maze environments from a config, for training and for evaluation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from chisel.configs import WORLD_SIZE
from chisel.configs.errors import ConfigError
from chisel.configs.schema import LevelsConfig, MazeConfig
from chisel.envs.maze.building import LevelSetRecipe, build_level_set
from chisel.envs.maze.engine import Engine
from chisel.envs.maze.goals import RegionCheese, corner_of
from chisel.envs.maze.level_sampling import LevelSampler, SetSampler, StreamSampler
from chisel.envs.maze.levels import LevelSet
from chisel.envs.maze.native.engine import NativeMaze
from chisel.envs.maze.native.textured import painter
from chisel.envs.maze.options import checked_sizes, look_of, max_size
from chisel.envs.maze.procgen_game import ProcgenMaze
from chisel.envs.maze.rules import FREE
from chisel.envs.maze.vector import MazeVectorEnv
from chisel.envs.maze.views import PixelView, SymbolicView, View
from chisel.envs.vector import with_num_envs

SplitName = Literal["all", "train", "validation", "test"]
Cheese = Literal["as-trained", "anywhere"]


def make_training(config: MazeConfig, *, seed: int, num_envs: int | None = None) -> Any:
    """Make the environment that an agent is trained in: a `MazeVectorEnv` or a `DeviceMaze`.

    Args:
        config: Options of the mazes.
        seed: Seed of levels and cheese and, with `levels.set_size`, of the level set.
        num_envs: Number of mazes; None takes `config.num_envs`.

    Raises:
        ConfigError: If the options do not go together.
        EnvironmentFault: If procgen is needed and not installed.
    """
    if config.engine != "device":
        return make_maze(config, seed=seed, num_envs=num_envs)
    from chisel.envs.maze.device import DeviceMaze  # torch, which worlds otherwise do without

    config = with_num_envs(config, num_envs)
    pixels = config.observation == "pixels"
    return DeviceMaze(
        functools.partial(build_level_set, training_recipe(config)),
        cheese_of(config),
        num_envs=config.num_envs,
        seed=seed,
        observation=config.observation,
        side=WORLD_SIZE[config.mode] if pixels else max_size(config),
        timeout=config.timeout,
        region=config.region,
        corner_ends=config.goals == "cheese-and-corner",
    )


def make_maze(config: MazeConfig, *, seed: int, num_envs: int | None = None) -> MazeVectorEnv:
    """Make mazes that procgen or the native engine plays; see `make_training`.

    Raises:
        ConfigError: If the options do not go together, or the engine is `device`.
        EnvironmentFault: If procgen is needed and not installed.
    """
    if config.engine == "device":
        raise ConfigError("env.engine = device: envs.make makes these mazes, make_maze the others")
    config = with_num_envs(config, num_envs)
    cheese = cheese_of(config)
    level_sampler: LevelSampler
    if config.levels.set_size:
        make_set = functools.partial(build_level_set, training_recipe(config))
        level_sampler = SetSampler(make_set, seed, cheese=cheese, timeout=config.timeout)
    else:
        level_sampler = StreamSampler(cheese, config.timeout)
    return _assemble(config, level_sampler, seed)


def make_evaluation(
    config: MazeConfig,
    *,
    levels: int,
    split: SplitName = "test",
    seed: int = 0,
    cheese: Cheese = "as-trained",
    num_envs: int = 64,
    sizes: Sequence[int] | None = None,
    decision: bool = False,
) -> tuple[MazeVectorEnv, LevelSet]:
    """Make an environment that plays each of `levels` levels exactly once.

    Game i of N plays levels i, i + N, i + 2N, … of the level set; `infos["episode"]["level_index"]`
    says which, and is -1 in episodes beyond the last level. The levels come from all of procgen's
    seeds, whatever range the agent was trained on; nothing random is shared with training.

    Args:
        config: Options of the mazes that the agent was trained in.
        levels: Number of levels.
        split: Split of the layouts, whatever split the agent was trained on.
        seed: Seed of the levels and of cheese in a region.
        cheese: Whether the cheese is placed as in training, or anywhere in the maze, as procgen
            does.
        num_envs: Number of mazes side by side; at most one for each level is made.
        sizes: Sides of the inner mazes in cells; None means all that training allows.
        decision: Whether only levels are taken in which neither the cheese nor the top-right corner
            lies on the path to the other, so that the mouse shows which one it prefers.

    Returns:
        The environment, and its levels.

    Raises:
        ConfigError: If a size is impossible or too few levels exist.
        EnvironmentFault: If procgen is needed and not installed.
    """
    if min(levels, num_envs) < 1:
        raise ConfigError(f"levels = {levels} and num_envs = {num_envs}: at least 1 of each")
    config = with_num_envs(config, min(num_envs, levels))
    recipe = LevelSetRecipe(
        look=look_of(config),
        count=levels,
        sizes=checked_sizes(config, sizes),
        split=split,
        cheese=cheese_of(config, cheese),
        decision=decision,
    )
    # Training with the same seed must not draw the same numbers.
    own_seed = int(np.random.SeedSequence([seed, 0xE7A1]).generate_state(1)[0])
    make_set = functools.partial(build_level_set, recipe)
    level_sampler = SetSampler(make_set, own_seed, cheese=None, timeout=config.timeout, once=True)
    return _assemble(config, level_sampler, own_seed), level_sampler.level_set


def make_from_levels(
    config: MazeConfig, level_set: LevelSet, *, seed: int = 0, num_envs: int | None = None
) -> MazeVectorEnv:
    """Make an environment that plays each level of your own set once, such as mazes drawn by hand.

    Args:
        config: View, timeout and threads; its mode and visual options must be the level set's.
        level_set: The levels. Their cheese stays where it is.
        seed: Seed that becomes part of the saved state; it has no effect on the mazes.
        num_envs: Number of mazes side by side; None takes one per level.

    Raises:
        ConfigError: If the levels' mode or visual options are not the config's, a maze exceeds the
            view, or a corner that is to be a goal is not free.
    """
    config = with_num_envs(config, len(level_set) if num_envs is None else num_envs)
    if level_set.look != look_of(config):
        raise ConfigError(f"the level set has {level_set.look}, but the config {look_of(config)}")
    if config.observation != "pixels" and int(level_set.sizes.max()) > max_size(config):
        raise ConfigError(
            f"a maze of the level set has side {int(level_set.sizes.max())}, but "
            f"env.levels.max_size is {max_size(config)}"
        )
    if config.goals == "cheese-and-corner":
        _check_corners(level_set)
    level_sampler = SetSampler(
        lambda _: level_set, seed, cheese=None, timeout=config.timeout, once=True
    )
    return _assemble(config, level_sampler, seed)


def cheese_of(config: MazeConfig, cheese: Cheese = "as-trained") -> RegionCheese | None:
    """Return the object that moves the cheese; None leaves it where procgen put it.

    Args:
        config: Options of the mazes.
        cheese: Whether the cheese is placed as in training, or anywhere in the maze.
    """
    spare = config.goals == "cheese-and-corner"
    if config.cheese == "region" and cheese == "as-trained":
        return RegionCheese(config.region, spare)
    # procgen may put it into the corner, which must stay free if it is a goal.
    return RegionCheese(WORLD_SIZE[config.mode], spare) if spare else None


def _check_corners(level_set: LevelSet) -> None:
    for index in range(len(level_set)):
        level = level_set[index]
        corner = corner_of(level.size)
        if level.grid[corner] != FREE or level.start == corner:
            raise ConfigError(
                f"the top-right corner of level {index} is not free: with "
                "env.goals=cheese-and-corner it is a goal, apart from the cheese and the start"
            )


def training_recipe(config: MazeConfig) -> LevelSetRecipe:
    """Return the recipe of the level set that training draws from."""
    levels = config.levels
    return LevelSetRecipe(
        look=look_of(config),
        count=levels.set_size,
        sizes=checked_sizes(config, None),
        start=levels.start,
        num=levels.num,
        split=levels.split,
    )


def _assemble(config: MazeConfig, level_sampler: LevelSampler, seed: int) -> MazeVectorEnv:
    levels = config.levels if isinstance(level_sampler, StreamSampler) else LevelsConfig()
    make = _engine_maker(config)

    def make_engine(engine_seed: int) -> Engine:
        return make(
            config.num_envs,
            look_of(config),
            seed=engine_seed,
            start=levels.start,
            levels=levels.num,
        )

    return MazeVectorEnv(
        make_engine,
        _view_maker(config),
        level_sampler,
        seed=seed,
        region=config.region,
        corner_ends=config.goals == "cheese-and-corner",
    )


def _engine_maker(config: MazeConfig) -> Callable[..., Engine]:
    """Return the function that makes the engine of a config, with its threads.

    Raises:
        ConfigError: If pictures need image files, and these are missing.
    """
    if config.engine == "procgen":
        return functools.partial(ProcgenMaze, threads=config.num_threads)
    if config.observation == "pixels":
        painter(
            look_of(config), config.assets
        )  # its files are missed now, not at the first picture
    return functools.partial(NativeMaze, assets=config.assets)


def _view_maker(config: MazeConfig) -> Callable[[Engine], View]:
    if config.observation == "pixels":
        return PixelView
    dtype = np.float32 if config.observation == "float" else np.uint8
    return lambda engine: SymbolicView(config.num_envs, max_size(config), dtype)
