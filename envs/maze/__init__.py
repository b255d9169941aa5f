"""procgen's maze: states, levels, paths, the vector environment, and a symbolic view.

procgen itself is imported when the first game is made.
"""

from chisel.envs.maze import parity, paths
from chisel.envs.maze.boards import Boards
from chisel.envs.maze.building import LevelSetRecipe, build_level_set
from chisel.envs.maze.goals import RegionCheese
from chisel.envs.maze.levels import Level, LevelSet
from chisel.envs.maze.make import make_evaluation, make_from_levels, make_maze, make_training
from chisel.envs.maze.options import look_of, max_size
from chisel.envs.maze.pictures import observe_states, render
from chisel.envs.maze.rules import (
    ACTION_OF_MOVE,
    CHEESE,
    FREE,
    MOVE_DELTAS,
    MOVE_OF_ACTION,
    MOVES,
    WALL,
    Cell,
)
from chisel.envs.maze.splits import layout_digest, layout_of, split_of
from chisel.envs.maze.state import MazeState
from chisel.envs.maze.vector import MazeVectorEnv

__all__ = [
    "ACTION_OF_MOVE",
    "CHEESE",
    "FREE",
    "MOVES",
    "MOVE_DELTAS",
    "MOVE_OF_ACTION",
    "WALL",
    "Boards",
    "Cell",
    "Level",
    "LevelSet",
    "LevelSetRecipe",
    "MazeState",
    "MazeVectorEnv",
    "RegionCheese",
    "build_level_set",
    "layout_digest",
    "layout_of",
    "look_of",
    "make_evaluation",
    "make_from_levels",
    "make_maze",
    "make_training",
    "max_size",
    "observe_states",
    "parity",
    "paths",
    "render",
    "split_of",
]
