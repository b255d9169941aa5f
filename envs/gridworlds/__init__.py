"""The side-effect gridworlds, each also as an exact tabular Markov decision process."""

from envs.gridworlds.grid import ACTIONS, Cell, Grid, beside
from envs.gridworlds.make import make_gridworld
from envs.gridworlds.picture import board_planes, render
from envs.gridworlds.tabular import TabularMDP, tabular
from envs.gridworlds.vector import GridworldVectorEnv
from envs.gridworlds.world import Outcome, World
from envs.gridworlds.worlds import WORLDS, find_world

__all__ = [
    "ACTIONS",
    "WORLDS",
    "Cell",
    "Grid",
    "GridworldVectorEnv",
    "Outcome",
    "TabularMDP",
    "World",
    "beside",
    "board_planes",
    "find_world",
    "make_gridworld",
    "render",
    "tabular",
]
