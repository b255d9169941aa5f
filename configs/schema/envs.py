"""Options of the environments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class LevelsConfig:
    """Which maze levels an environment plays.

    With `set_size = 0` procgen draws levels itself from its seed range. With `set_size = n` that
    many levels are made ready beforehand; only then can sizes and splits be asked for.
    """

    start: int = 0
    """First level seed."""
    num: int = 0
    """How many consecutive seeds; 0 means all of them."""
    set_size: int = 0
    """Levels made ready before training; 0 lets procgen draw its own."""
    min_size: int = 3
    """Smallest maze in cells (odd)."""
    max_size: int | None = None
    """Largest maze in cells (odd); null means the mode's largest (easy 15, hard 25, memory 31)."""
    split: Literal["all", "train", "validation", "test"] = "all"
    """Split by a hash of the layout: 80 % train, 10 % validation, 10 % test."""


@dataclass(frozen=True)
class MazeConfig:
    """procgen's maze."""

    name: str = "maze"
    num_envs: int = 64
    """Environments stepped side by side, over all ranks together."""
    mode: Literal["easy", "hard", "memory"] = "easy"
    """procgen's distribution mode: worlds of 15, 25 or 31 cells a side."""
    observation: Literal["pixels", "symbolic", "float"] = "pixels"
    """`pixels` uint8 [64, 64, 3]; `symbolic` uint8 wall, mouse and cheese planes [S, S, 3];
    `float` is `symbolic` as float32, for fault tests."""
    cheese: Literal["stock", "region"] = "stock"
    """`stock`: anywhere, as procgen places it; `region`: uniform in the top-right region."""
    region: int = 5
    """Side R of the top-right region in cells; 0 is the exact corner. Used by `cheese: region`."""
    goals: Literal["cheese", "cheese-and-corner"] = "cheese"
    """What ends an episode with a reward: the cheese, or the top-right corner as well. With both,
    the cheese never lies in the corner, the corner is not drawn, and a level set is needed."""
    timeout: int = 500
    """Steps after which an episode ends without reward."""
    levels: LevelsConfig = field(default_factory=LevelsConfig)
    use_backgrounds: bool = True
    use_monochrome_assets: bool = False
    restrict_themes: bool = False
    use_generated_assets: bool = False
    num_threads: int = 2
    """procgen's own threads; changes speed, never results."""


@dataclass(frozen=True)
class OversightConfig:
    """Diamond and ghost, the gridworld of Cloud et al. 2024, section 4.3."""

    name: str = "oversight"
    num_envs: int = 128
    """Boards stepped side by side, over all ranks together."""
    reward: Literal["routed", "naive", "oracle"] = "routed"
    """What the ghost pays (the diamond always 1): `routed` 1; `naive` 1, but -1 where it is
    overseen; `oracle` -1, the true reward, which overseers would give."""
    oversight: float = 0.1
    """Probability of each object's cell being overseen, drawn per episode and object."""
    max_steps: int = 32
    """Steps after which an episode ends without reward."""
    faithful: bool = False
    """Behave as the paper's code: after an episode's end its last board is shown once more, and
    episodes may last one step more than `max_steps`."""


@dataclass(frozen=True)
class GridworldConfig:
    """The side-effect gridworlds of Turner et al. (1902.09725 and 2206.11812)."""

    name: str = "gridworld"
    num_envs: int = 32
    """Copies stepped side by side, over all ranks together."""
    world: Literal[
        "options",
        "damage",
        "correction",
        "offset",
        "interference",
        "vase",
        "burning",
        "burning-fire",
        "conveyor-sushi",
        "options-endless",
        "damage-endless",
    ] = "options"
    """Which world. In the endless ones the goal pays in every step and ends nothing."""
    max_steps: int | None = None
    """Steps after which an episode is cut off; null is the world's own, 100, or 20 for those with
    a belt."""
