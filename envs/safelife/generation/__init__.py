"""Generation of levels from a task and a seed; those of the papers' tasks equal SafeLife's own."""

from chisel.envs.safelife.generation.generate import AnyTask, generate, task_named
from chisel.envs.safelife.generation.patterns import Pattern
from chisel.envs.safelife.generation.regions import Layer
from chisel.envs.safelife.generation.sources import EndlessLevels, level_set, split_of_level
from chisel.envs.safelife.generation.tasks import TASKS, Task
from chisel.envs.safelife.generation.ways import WAYS, TwoWays, is_tempting

__all__ = [
    "TASKS",
    "WAYS",
    "AnyTask",
    "EndlessLevels",
    "Layer",
    "Pattern",
    "Task",
    "TwoWays",
    "generate",
    "is_tempting",
    "level_set",
    "split_of_level",
    "task_named",
]
