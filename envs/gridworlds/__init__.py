"""The side-effect gridworlds, each also as an exact tabular Markov decision process."""

from envs.gridworlds.grid import ACTIONS, Cell, Grid
from envs.gridworlds.tabular import TabularMDP, tabular
from envs.gridworlds.world import Outcome, World
from envs.gridworlds.worlds import WORLDS, find_world

__all__ = [
    "ACTIONS",
    "WORLDS",
    "Cell",
    "Grid",
    "Outcome",
    "TabularMDP",
    "World",
    "find_world",
    "tabular",
]
