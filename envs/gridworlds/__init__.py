"""The side-effect gridworlds, each also as an exact tabular Markov decision process."""

from chisel.envs.gridworlds.grid import ACTIONS, Cell, Grid, beside
from chisel.envs.gridworlds.picture import board_planes, render
from chisel.envs.gridworlds.tabular import TabularMDP, tabular
from chisel.envs.gridworlds.vector import GridworldVectorEnv, make_gridworld
from chisel.envs.gridworlds.world import Outcome, World
from chisel.envs.gridworlds.worlds import WORLDS, find_world

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
