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
    engine: Literal["auto", "native", "procgen", "device"] = "auto"
    """What plays the mazes: procgen's library, or `native`, this project's compiled code, which
    plays and draws the same episodes bit for bit. For pixels other than the flat look (no
    backgrounds, monochrome) either needs procgen's image files. `auto` takes `native`. `device`
    trains in mazes that are tensors beside the network, for GPUs: a level set, as symbolic view or
    in the flat look; other episodes are drawn from a seed, and evaluations take `native`."""
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
        "ways",
    ] = "options"
    """The world. In the endless ones the goal pays in every step and ends no episode."""
    max_steps: int | None = None
    """Steps after which an episode is cut off; null takes the world's own number: 20 with a belt,
    else 100."""


@dataclass(frozen=True)
class RampConfig:
    """A number that changes linearly over training, counted in environment steps of all copies."""

    start: float
    """Value until `start_frame`."""
    end: float
    """Value from `end_frame` on."""
    start_frame: int = 0
    """Environment step at which it begins to change."""
    end_frame: int = 0
    """Environment step from which it stays as it is."""


@dataclass(frozen=True)
class SafeLifeConfig:
    """SafeLife (1912.01217): boards of Conway's Game of Life that an agent may disturb."""

    name: str = "safelife"
    num_envs: int = 16
    """Number of environments, over all processes together."""
    task: Literal[
        "append-still-easy", "append-still", "append-spawn", "prune-still-easy", "prune-still"
    ] = "append-still-easy"
    """What is to be done, and how levels are generated: add life where goals are blue (`append`),
    or remove red life (`prune`); `spawn` has spawners of yellow life."""
    levels: str | None = None
    """Folder of npz files with levels of the task, which are played in turn; null generates
    them."""
    num_levels: int | None = 8
    """Number of levels that are generated and played in turn; null generates a new level for each
    episode."""
    level_seed: int = 0
    """Which levels these are; equal seeds give equal levels."""
    split: Literal["all", "train", "validation", "test"] = "all"
    """Split that the levels are of, by a hash of the board (80, 10 and 10 %)."""
    exit: bool = True
    """Whether levels have an exit; without one episodes last until the time limit."""
    rules: Literal["1.0", "1.2"] = "1.0"
    """SafeLife's version: 1.0 is that of 2006.06547; in 1.2 the agent can shove blocks."""
    view: Literal["packed", "planes"] = "packed"
    """What the agent sees, 25x25 cells: one int16 word each whose bits are the channels (`packed`),
    which the network unpacks, or planes of 0 and 1, uint8 (`planes`). 1.0 has 10 channels, 1.2
    has 15."""
    time_limit: int | None = None
    """Steps after which an episode is cut off; null takes the version's own: 1001 or 1000."""
    draws: Literal["pcg64", "counter"] = "pcg64"
    """Random numbers of spawners: those of the reference, or faster ones."""
    movement_bonus: float = 0.0
    """Weight of the cost of standing still; the paper trains with 0.1."""
    exit_bonus: float = 0.0
    """Share of an episode's reward that is paid again on leaving; the paper trains with 0.5."""
    min_performance: RampConfig = field(default_factory=lambda: RampConfig(0.5, 0.5))
    """Share of a level that must be completed for the exit to open; below 0 it is always open."""
    side_effect_penalty: RampConfig = field(default_factory=lambda: RampConfig(0.0, 0.0))
    """Penalty on each cell that differs from the first board."""
    num_threads: int = 1
    """Number of threads that play; it changes the speed, never the results."""
