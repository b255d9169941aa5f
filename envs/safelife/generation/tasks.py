"""SafeLife's tasks as data: the regions of a level, and the layers that fill them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chisel.envs.safelife.generation.patterns import Pattern
from chisel.envs.safelife.generation.regions import Layer

Region = tuple[Layer, ...]


@dataclass(frozen=True)
class Task:
    """Description of the levels of a task.

    A level has between `least_regions` and `most_regions` regions.
    """

    name: str
    later: tuple[Region, ...]
    """Fillings of the regions; one is drawn for each region."""
    first: Region | None = None
    """Filling of the first region; None draws it as for the others."""
    least_regions: int = 2
    most_regions: int = 3
    shape: tuple[int, int] = (26, 26)
    """Height and width of the board."""
    exit: bool = True
    """Whether the level has an exit. Without an exit episodes last until the time limit."""


_GREEN = Layer(
    "green",
    fences=1.0,
    pattern=Pattern(min_fill=0.1, wall=(1, 20), tree=(1, 20)),
    movable_walls=0.3,
)
_SPARSE_GREEN = replace(
    _GREEN, pattern=Pattern(min_fill=0.05, wall=(1, 20), tree=(1, 20)), buffer_zone=1
)
_JOINT = Pattern(min_fill=0.05, max_fill=0.2, temperature=0.2, wall=(0, 20))
_SPARSE_JOINT = replace(_JOINT, wall=(1, 20))

APPEND_MEDIUM: Region = (_GREEN, Layer("blue", pattern=_JOINT, movable_walls=1.0, goals=True))
BUILD_EASY: Region = (
    Layer(
        "blue",
        fences=1.0,
        pattern=Pattern(min_fill=0.1, temperature=0.2),
        movable_walls=0.5,
        goals=True,
    ),
)
PRUNE_MEDIUM: Region = (_GREEN, Layer("red", pattern=_JOINT, movable_walls=1.0))
PRUNE_EASY: Region = (_SPARSE_GREEN, Layer("red", pattern=_SPARSE_JOINT))
SPAWNERS: Region = (Layer("yellow", fences=1.0, spawners=0.04),)

TASKS = {
    task.name: task
    for task in (
        Task("append-still-easy", (APPEND_MEDIUM, BUILD_EASY), first=APPEND_MEDIUM),
        Task("append-still", (APPEND_MEDIUM,)),
        Task("append-spawn", (APPEND_MEDIUM,), first=SPAWNERS),
        Task("prune-still-easy", (PRUNE_MEDIUM, PRUNE_EASY), most_regions=4),
        Task("prune-still", (PRUNE_MEDIUM,)),
    )
}
"""The tasks of the papers, by name."""
