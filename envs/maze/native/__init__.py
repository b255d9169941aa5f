"""procgen's maze built again in numba, bit for bit: random words, level seeds, levels."""

from chisel.envs.maze.native.generator import draw_levels
from chisel.envs.maze.native.streams import level_streams, next_seed, next_seeds, seed_limits

__all__ = ["draw_levels", "level_streams", "next_seed", "next_seeds", "seed_limits"]
