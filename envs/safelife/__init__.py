"""SafeLife: Game of Life boards on which an agent adds and removes life, and may disturb the rest.

Source: Wainwright and Eckersley, "SafeLife 1.0: Exploring Side Effects in Complex Environments"
(2019, arXiv 1912.01217).
"""

from chisel.envs.safelife import cells
from chisel.envs.safelife.actions import ACTIONS
from chisel.envs.safelife.games import Games, load, new_games, play
from chisel.envs.safelife.generation import (
    TASKS,
    WAYS,
    EndlessLevels,
    Layer,
    Pattern,
    Task,
    TwoWays,
    generate,
    is_tempting,
    level_set,
    split_of_level,
    task_named,
)
from chisel.envs.safelife.levels import (
    Level,
    LevelCycle,
    LevelSource,
    read_arrays,
    read_levels,
)
from chisel.envs.safelife.make import make_from_levels, make_safelife
from chisel.envs.safelife.render import render, side_by_side
from chisel.envs.safelife.side_effects import (
    GREEN_LIFE,
    Rules,
    SideEffect,
    side_effects,
    type_name,
    weighted_fraction,
)
from chisel.envs.safelife.streams import counter_stream, pcg64_stream
from chisel.envs.safelife.view import CHANNELS_10, CHANNELS_12, look, planes_of_view
from chisel.envs.safelife.world import TIME_LIMITS, SafeLifeVectorEnv

__all__ = [
    "ACTIONS",
    "CHANNELS_10",
    "CHANNELS_12",
    "GREEN_LIFE",
    "TASKS",
    "TIME_LIMITS",
    "WAYS",
    "EndlessLevels",
    "Games",
    "Layer",
    "Level",
    "LevelCycle",
    "LevelSource",
    "Pattern",
    "Rules",
    "SafeLifeVectorEnv",
    "SideEffect",
    "Task",
    "TwoWays",
    "cells",
    "counter_stream",
    "generate",
    "is_tempting",
    "level_set",
    "load",
    "look",
    "make_from_levels",
    "make_safelife",
    "new_games",
    "pcg64_stream",
    "planes_of_view",
    "play",
    "read_arrays",
    "read_levels",
    "render",
    "side_by_side",
    "side_effects",
    "split_of_level",
    "task_named",
    "type_name",
    "weighted_fraction",
]
