"""What a maze config means, and which ones mean nothing."""

from __future__ import annotations

from collections.abc import Sequence

from chisel.configs import WORLD_SIZE
from chisel.configs.errors import ConfigError
from chisel.configs.schema import MazeConfig
from chisel.envs.maze.procgen_game import Look
from chisel.envs.maze.rules import MAX_SEED


def look_of(config: MazeConfig) -> Look:
    """Mode and visual options of a config."""
    return Look(
        mode=config.mode,
        use_backgrounds=config.use_backgrounds,
        use_monochrome_assets=config.use_monochrome_assets,
        restrict_themes=config.restrict_themes,
    )


def max_size(config: MazeConfig) -> int:
    """Largest inner maze that a config allows, in cells."""
    return config.levels.max_size or WORLD_SIZE[config.mode]


def check_maze(config: MazeConfig) -> None:
    """Refuse options that do not go together, before anything is made.

    The command line has said so earlier; this is for configs made in Python.

    Raises:
        ConfigError: With the key, what was given and what would be right.
    """
    levels, world = config.levels, WORLD_SIZE.get(config.mode)
    if world is None:
        raise ConfigError(f"env.mode = {config.mode!r}: known are {', '.join(WORLD_SIZE)}")
    largest = levels.max_size or world
    filtered = levels.min_size > 3 or largest < world or levels.split != "all"
    seeds = levels.num or MAX_SEED
    rules: list[tuple[bool, str]] = [
        (
            not config.use_generated_assets,
            "env.use_generated_assets = true: procgen cannot save games with generated assets, "
            "so training could not be resumed; leave it false",
        ),
        (config.num_envs >= 1, f"env.num_envs = {config.num_envs}: at least 1"),
        (config.timeout >= 1, f"env.timeout = {config.timeout}: at least 1 step"),
        (config.region >= 0, f"env.region = {config.region}: 0 (the corner) or more"),
        (config.num_threads >= 0, f"env.num_threads = {config.num_threads}: 0 or more"),
        (
            levels.start >= 0 and levels.start + levels.num <= MAX_SEED,
            f"env.levels: seeds {levels.start}…{levels.start + levels.num} leave 0…{MAX_SEED}",
        ),
        (
            levels.num > 0 or levels.start == 0,
            f"env.levels.start = {levels.start} needs env.levels.num: 0 means all seeds",
        ),
        (
            0 <= levels.set_size <= seeds,
            f"env.levels.set_size = {levels.set_size}: 0…{seeds}, the number of seeds",
        ),
        (
            levels.set_size > 0 or not filtered,
            "env.levels.min_size, max_size and split need env.levels.set_size: with 0 procgen "
            "draws levels of every size and layout itself",
        ),
        (
            levels.set_size > 0 or config.goals == "cheese",
            f"env.goals = {config.goals!r} needs env.levels.set_size: procgen loads no level of "
            "its own where the corner ends an episode",
        ),
        (
            config.region >= 2 or config.goals == "cheese" or config.cheese == "stock",
            f"env.region = {config.region}: with env.goals = {config.goals!r} the cheese lies "
            "beside the corner, so at least 2",
        ),
    ]
    for holds, message in rules:
        if not holds:
            raise ConfigError(message)
    checked_sizes(config, None)


def checked_sizes(config: MazeConfig, sizes: Sequence[int] | None) -> tuple[int, ...]:
    """The sides of inner mazes to play, ascending; None means all that the config allows.

    Raises:
        ConfigError: If a size is even, too small, or larger than the world or the view.
    """
    world, smallest = WORLD_SIZE[config.mode], config.levels.min_size
    largest = max_size(config)
    if not 3 <= smallest <= largest <= world or smallest % 2 == 0 or largest % 2 == 0:
        raise ConfigError(
            f"env.levels: sizes {smallest}…{largest} are impossible: min_size and max_size are "
            f"odd, from 3 to {world} in mode {config.mode!r}"
        )
    if sizes is None:
        return tuple(range(smallest, largest + 1, 2))
    limit = world if config.observation == "pixels" else largest
    wrong = [size for size in sizes if not 3 <= size <= limit or size % 2 == 0]
    if wrong or not sizes:
        raise ConfigError(f"sizes {list(sizes)}: odd numbers from 3 to {limit} are possible")
    return tuple(sorted(set(sizes)))
