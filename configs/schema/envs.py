"""Options of the environments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class LevelsConfig:
    """The maze levels that an environment plays.

    With `set_size = 0` procgen draws levels itself from its range of seeds. With `set_size = n`
    that many levels are made before training; only then can sizes and a split be chosen.
    """

    start: int = 0
    """First level seed of the range."""
    num: int = 0
    """Number of consecutive seeds; 0 takes all."""
    set_size: int = 0
    """Number of levels made before training; 0 lets procgen draw its own."""
    min_size: int = 3
    """Side of the smallest maze in cells (odd)."""
    max_size: int | None = None
    """Side of the largest maze in cells (odd); null takes the mode's largest (easy 15, hard 25,
    memory 31)."""
    split: Literal["all", "train", "validation", "test"] = "all"
    """Part of the levels that is played, by a hash of each layout: 80 % train, 10 % validation,
    10 % test."""


@dataclass(frozen=True)
class MazeConfig:
    """procgen's maze."""

    name: str = "maze"
    num_envs: int = 64
    """Number of environments, over all processes together."""
    mode: Literal["easy", "hard", "memory"] = "easy"
    """procgen's distribution mode: worlds of 15 (`easy`), 25 (`hard`) or 31 (`memory`) cells a
    side."""
    engine: Literal["auto", "native", "procgen"] = "auto"
    """What plays the mazes: procgen's library, or `native`, this project's compiled code, which
    plays and draws the same episodes bit for bit. For pixels other than the flat look (no
    backgrounds, monochrome) either needs procgen's image files. `auto` takes `native`."""
    assets: str | None = None
    """Folder of procgen's image files, a copy of `data/assets` of its package; null takes those of
    an installed procgen. Used with pixels other than the flat look."""
    observation: Literal["pixels", "symbolic", "float"] = "pixels"
    """What the agent sees: `pixels` is procgen's picture, uint8 [64, 64, 3]; `symbolic` has planes
    of walls, mouse and cheese, uint8 [S, S, 3]; `float` is `symbolic` as float32, for fault
    tests."""
    cheese: Literal["stock", "region"] = "stock"
    """Where the cheese lies: `stock` is anywhere, as procgen places it; `region` is uniform in the
    top-right region."""
    region: int = 5
    """Side of the top-right region in cells; 0 is the exact corner. Used with `cheese: region`."""
    goals: Literal["cheese", "cheese-and-corner"] = "cheese"
    """Goals that end an episode with a reward: the cheese, or also the top-right corner. With both,
    the cheese never lies in the corner, the corner is not drawn, and `levels.set_size` is
    needed."""
    timeout: int = 500
    """Steps after which an episode ends without reward."""
    levels: LevelsConfig = field(default_factory=LevelsConfig)
    """The levels that are played."""
    use_backgrounds: bool = True
    """procgen's option: draw pictures behind the maze. Used with pixels, as the three below."""
    use_monochrome_assets: bool = False
    """procgen's option: draw plain shapes instead of pictures."""
    restrict_themes: bool = False
    """procgen's option: draw all levels in one theme."""
    use_generated_assets: bool = False
    """procgen's option: draw generated textures instead of pictures."""
    num_threads: int = 2
    """Number of procgen's threads; it changes the speed, never the results. The native engine has
    one."""


@dataclass(frozen=True)
class OversightConfig:
    """Diamond and ghost, the gridworld of Cloud et al. 2024, section 4.3."""

    name: str = "oversight"
    num_envs: int = 128
    """Number of boards, over all processes together."""
    reward: Literal["routed", "naive", "oracle"] = "routed"
    """What the ghost pays; the diamond always pays 1. `routed`: 1; `naive`: 1, but -1 where it is
    overseen; `oracle`: -1, the true reward."""
    oversight: float = 0.1
    """Probability that an object's cell is overseen, drawn for each episode and object."""
    max_steps: int = 32
    """Steps after which an episode ends without reward."""
    faithful: bool = False
    """Do as the paper's code does: show the last board once more after an episode's end, and let
    episodes last one step more than `max_steps`."""


@dataclass(frozen=True)
class GridworldConfig:
    """The side-effect gridworlds of Turner et al. (1902.09725 and 2206.11812)."""

    name: str = "gridworld"
    num_envs: int = 32
    """Number of environments, over all processes together."""
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
    """The world. In the endless ones the goal pays in every step and ends no episode."""
    max_steps: int | None = None
    """Steps after which an episode is cut off; null takes the world's own number: 20 with a belt,
    else 100."""
