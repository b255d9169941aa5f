"""procgen's maze: state bytes, levels and their paths, the vector environment, a symbolic view.

Importing this imports no procgen; the first game does.
"""

from chisel.envs.maze import paths
from chisel.envs.maze.building import BankRecipe, build_bank
from chisel.envs.maze.cheese import RegionCheese
from chisel.envs.maze.goals import CornerGoal
from chisel.envs.maze.levels import Level, LevelBank
from chisel.envs.maze.make import make_evaluation, make_from_bank, make_maze
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
    "BankRecipe",
    "Cell",
    "CornerGoal",
    "Level",
    "LevelBank",
    "MazeState",
    "MazeVectorEnv",
    "RegionCheese",
    "build_bank",
    "layout_digest",
    "layout_of",
    "make_evaluation",
    "make_from_bank",
    "make_maze",
    "observe_states",
    "paths",
    "render",
    "split_of",
]
