"""Generation of SafeLife's levels from a task and a seed, equal to SafeLife's own."""

from chisel.envs.safelife.generation.generate import generate
from chisel.envs.safelife.generation.patterns import Pattern
from chisel.envs.safelife.generation.regions import Layer
from chisel.envs.safelife.generation.sources import EndlessLevels, level_set, split_of_level
from chisel.envs.safelife.generation.tasks import TASKS, Task

__all__ = [
    "TASKS",
    "EndlessLevels",
    "Layer",
    "Pattern",
    "Task",
    "generate",
    "level_set",
    "split_of_level",
]
