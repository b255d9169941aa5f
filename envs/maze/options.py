"""Look and sizes of mazes, read from a config."""

from __future__ import annotations

from collections.abc import Sequence

from chisel.configs import WORLD_SIZE
from chisel.configs.errors import ConfigError
from chisel.configs.schema import MazeConfig
from chisel.envs.maze.rules import Look


def look_of(config: MazeConfig) -> Look:
    """Return mode and visual options of a config."""
    return Look(
        mode=config.mode,
        use_backgrounds=config.use_backgrounds,
        use_monochrome_assets=config.use_monochrome_assets,
        restrict_themes=config.restrict_themes,
    )


def max_size(config: MazeConfig) -> int:
    """Return the side of the largest inner maze that a config allows, in cells."""
    return config.levels.max_size or WORLD_SIZE[config.mode]


def checked_sizes(config: MazeConfig, sizes: Sequence[int] | None) -> tuple[int, ...]:
    """Return the sides of inner mazes to play, ascending; None means all that the config allows.

    Raises:
        ConfigError: If a size is even, too small, or larger than the world or the view.
    """
    largest = max_size(config)
    if sizes is None:
        return tuple(range(config.levels.min_size, largest + 1, 2))
    limit = WORLD_SIZE[config.mode] if config.observation == "pixels" else largest
    wrong = [size for size in sizes if not 3 <= size <= limit or size % 2 == 0]
    if wrong or not sizes:
        raise ConfigError(f"sizes {list(sizes)}: odd numbers from 3 to {limit} are possible")
    return tuple(sorted(set(sizes)))
