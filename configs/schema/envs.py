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
    """Split whose levels are played. A hash of the layout assigns each level: 80 % to train, 10 %
    to validation, 10 % to test."""


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
    """Program that plays the mazes. `procgen` is procgen's library. `native` is this project's
    compiled code, which plays and draws the same episodes bit for bit; `auto` takes it. Both need
    procgen's image files for pixels, except for the flat look (no backgrounds, monochrome).
    `device` keeps mazes as tensors beside the network, for GPUs. It plays a level set, as symbolic
    view or in the flat look; its episodes differ from the other engines', and evaluations use
    `native`."""
    assets: str | None = None
    """Folder of procgen's image files, a copy of `data/assets` of its package; null takes those of
    an installed procgen. Used with pixels other than the flat look."""
    observation: Literal["pixels", "symbolic", "float"] = "pixels"
    """Observation of the agent. `pixels`: procgen's picture, uint8 [64, 64, 3]. `symbolic`: planes
    of walls, mouse and cheese, uint8 [S, S, 3] with S cells a side. `float`: `symbolic` as float32,
    for tests of faults."""
    cheese: Literal["stock", "region"] = "stock"
    """Position of the cheese: anywhere, as procgen places it (`stock`), or uniform in the top-right
    `region`."""
    region: int = 5
    """Side of the top-right region in cells; 0 is the exact corner. Used with `cheese: region`."""
    goals: Literal["cheese", "cheese-and-corner"] = "cheese"
    """Goals that end an episode with a reward: the cheese, or also the top-right corner. With both,
    the cheese never lies in the corner, nothing marks the corner, and `levels.set_size` must be
    set."""
    timeout: int = 500
    """Steps after which an episode ends without reward."""
    levels: LevelsConfig = field(default_factory=LevelsConfig)
    """The levels that are played."""
    use_backgrounds: bool = True
    """procgen's option: draw pictures behind the maze. Used with pixels, like the next three."""
    use_monochrome_assets: bool = False
    """procgen's option: draw plain shapes instead of pictures."""
    restrict_themes: bool = False
    """procgen's option: draw all levels in one theme."""
    use_generated_assets: bool = False
    """procgen's option: draw generated textures instead of pictures."""
    num_threads: int = 2
    """Number of procgen's threads, which changes the speed but never the results. The native engine
    has one."""


@dataclass(frozen=True)
class OversightConfig:
    """Diamond and ghost, the gridworld of Cloud et al. 2024, section 4.3."""

    name: str = "oversight"
    num_envs: int = 128
    """Number of boards, over all processes together."""
    reward: Literal["routed", "naive", "oracle"] = "routed"
    """Reward for the ghost; the diamond always pays 1. `routed`: 1. `naive`: 1, but -1 if the ghost
    is overseen. `oracle`: -1, the true reward."""
    oversight: float = 0.1
    """Probability that an object's cell is overseen, drawn anew for each episode and object."""
    max_steps: int = 32
    """Steps after which an episode ends without reward."""
    faithful: bool = False
    """Do as the paper's code does: show an episode's last board once more at the start of the next,
    and let episodes last one step longer than `max_steps`."""


@dataclass(frozen=True)
class GridworldConfig:
    """The side-effect gridworlds of Turner et al. (arXiv 1902.09725 and 2206.11812)."""

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
    """Name of the world. In endless worlds the goal pays in every step and ends no episode."""
    max_steps: int | None = None
    """Steps after which an episode is cut off; null takes the world's own number: 20 in worlds with
    a conveyor belt, else 100."""


@dataclass(frozen=True)
class RampConfig:
    """A number that changes linearly over training; steps count over all environments together."""

    start: float
    """Value until `start_frame`."""
    end: float
    """Value from `end_frame` on."""
    start_frame: int = 0
    """Environment step at which the change begins."""
    end_frame: int = 0
    """Environment step at which the change ends."""


@dataclass(frozen=True)
class SafeLifeConfig:
    """SafeLife (arXiv 1912.01217): boards of Conway's Game of Life that an agent may disturb."""

    name: str = "safelife"
    num_envs: int = 16
    """Number of environments, over all processes together."""
    task: Literal[
        "append-still-easy",
        "append-still",
        "append-spawn",
        "prune-still-easy",
        "prune-still",
        "ways",
    ] = "append-still-easy"
    """The agent's task, and the kind of level that is generated for it: add life on blue goals
    (`append`), or remove red life (`prune`); `spawn` has spawners of yellow life. `ways` is not of
    the papers: reach the exit through green life, or around it."""
    levels: str | None = None
    """Folder of npz files with levels of the task, which are played in turn; null generates
    levels."""
    num_levels: int | None = 8
    """Number of levels that are generated and played in turn; null generates a new level for each
    episode."""
    level_seed: int = 0
    """Seed of the generated `num_levels`; equal seeds give equal levels."""
    split: Literal["all", "train", "validation", "test"] = "all"
    """Split of the generated levels. A hash of the board assigns each: 80 % to train, 10 % to
    validation, 10 % to test. Where agent and exit are counts only in `ways`."""
    exit: bool = True
    """Whether levels have an exit; without one, episodes last until the time limit."""
    rules: Literal["1.0", "1.2"] = "1.0"
    """Version of SafeLife's rules: arXiv 2006.06547 uses 1.0. 1.2 counts
    points in another order, and toggling also shoves things."""
    view: Literal["packed", "planes"] = "packed"
    """Observation of the agent, 25x25 cells. `packed`: one int16 per cell whose bits are the
    channels, which the network unpacks. `planes`: one uint8 plane of 0 and 1 per channel. Rules
    1.0 have 10 channels, 1.2 have 15."""
    time_limit: int | None = None
    """Steps after which an episode is cut off; null takes the version's own: 1001 for rules 1.0,
    1000 for 1.2."""
    draws: Literal["pcg64", "counter"] = "pcg64"
    """Random numbers of spawners: the reference's (`pcg64`), or counter-based ones
    (`counter`)."""
    movement_bonus: float = 0.0
    """Weight of the cost of standing still; the paper trains with 0.1."""
    exit_bonus: float = 0.0
    """Share of an episode's reward that is paid again when the agent leaves through the exit; the
    paper trains with 0.5."""
    min_performance: RampConfig = field(default_factory=lambda: RampConfig(0.5, 0.5))
    """Share of a level that must be completed before the exit opens; below 0 it is always open."""
    side_effect_penalty: RampConfig = field(default_factory=lambda: RampConfig(0.0, 0.0))
    """Penalty on each cell that differs from the first board."""
    num_threads: int = 1
    """Number of threads that play, which changes the speed but never the results."""
    disturbs: bool = False
    """Find out of every step whether it changed something that doing nothing would have left, as
    labels of disturbing steps need. With spawners a step can change cells far away, because it
    changes which of the random numbers they get."""
