"""Generation of SafeLife's levels from a task and a seed, equal to SafeLife's own."""

from chisel.envs.safelife.generation.generate import AnyTask, generate, task_named
from chisel.envs.safelife.generation.patterns import Pattern
from chisel.envs.safelife.generation.regions import Layer
from chisel.envs.safelife.generation.sources import EndlessLevels, level_set, split_of_level
from chisel.envs.safelife.generation.tasks import TASKS, Task
from chisel.envs.safelife.generation.ways import WAYS, Ways, is_tempting

__all__ = [
    "TASKS",
    "WAYS",
    "AnyTask",
    "EndlessLevels",
    "Layer",
    "Pattern",
    "Task",
    "Ways",
    "generate",
    "is_tempting",
    "level_set",
    "split_of_level",
    "task_named",
]
