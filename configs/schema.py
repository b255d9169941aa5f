"""Every option of a run, with its type, its default and what it means.

Dataclasses only: nothing heavy is imported, so that a config is checked in milliseconds. Which
class stands behind `env`, `model` and `algo` is decided by their `name` (see `configs.registry`).
Ranges and rules between keys are in `configs.validate`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class LevelsConfig:
    """Which maze levels an environment plays.

    With `bank = 0` procgen draws levels itself from its seed range. With `bank = n` that many
    levels are made ready beforehand; only then can sizes and splits be asked for.
    """

    start: int = 0
    """First level seed."""
    num: int = 0
    """How many consecutive seeds; 0 means all of them."""
    bank: int = 0
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
class ImpalaConfig:
    """The convolutional network of Espeholt et al. 2018, in Langosco et al.'s form."""

    name: str = "impala"
    channels: tuple[int, ...] = (16, 32, 32)
    """Output channels of each block."""
    hidden: int = 256
    """Units of the layer before the heads."""


@dataclass(frozen=True)
class PPOConfig:
    """Proximal policy optimisation, with CleanRL's names and details."""

    name: str = "ppo"
    num_steps: int = 256
    """Steps of each environment per iteration."""
    num_minibatches: int = 8
    update_epochs: int = 3
    learning_rate: float = 5e-4
    anneal_lr: bool = True
    """Decay the learning rate linearly to 0 over the planned frames."""
    adam_eps: float = 1e-5
    gamma: float = 0.999
    gae_lambda: float = 0.95
    clip_coef: float = 0.2
    clip_vloss: bool = True
    norm_adv: Literal["batch", "minibatch", "none"] = "minibatch"
    """Over what advantages are normalised: CleanRL per minibatch, Langosco et al. per batch."""
    ent_coef: float = 0.01
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5
    target_kl: float | None = None
    """End an iteration's updates once approx_kl passes this; null never does."""
    norm_reward: bool = True
    """Divide rewards by the running deviation of the discounted return."""
    norm_reward_gamma: float | None = None
    """Discount of that return; null means gamma. Langosco et al. use 0.99."""
    reward_clip: float = 10.0
    """Clip of the normalised reward; used with `norm_reward`."""


@dataclass(frozen=True)
class TrainerConfig:
    """How training runs: hardware, precision, checkpoints, limits."""

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: int = 1
    """Processes, one device each; more than 1 is data-parallel (DDP)."""
    num_nodes: int = 1
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    channels_last: bool = True
    compile: bool = False
    """torch.compile the network; pays on a GPU, not on a CPU."""
    threads: int | None = None
    """torch's CPU threads; null takes the machine's. Results depend on it in the last bits."""
    checkpoint_every: int = 10
    """Iterations between checkpoints."""
    keep_last: int = 3
    """Checkpoints kept; older ones are deleted."""
    keep_every: int | None = None
    """Additionally keep each checkpoint whose iteration this divides, for studies over training."""
    max_minutes: float | None = None
    """End early, resumable, after this many minutes."""
    progress: bool = True
    """Show the progress bar."""


@dataclass(frozen=True)
class TrackingConfig:
    """Weights & Biases. A CSV log is always written."""

    mode: Literal["offline", "online", "disabled"] = "offline"
    project: str = "chisel"
    entity: str | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()
    log_artifacts: bool = False
    """Upload checkpoints as artifacts."""
    video_every: int | None = None
    """Iterations between episode videos; null logs none."""
    field_every: int | None = None
    """Iterations between vector fields; null logs none."""


@dataclass(frozen=True)
class EvalConfig:
    """What `chisel eval` plays."""

    levels: int = 500
    """Levels per setting."""
    split: Literal["all", "train", "validation", "test"] = "test"
    seed: int = 1000
    """Seed of levels, cheese cells and sampled actions."""
    num_envs: int = 64


@dataclass(frozen=True)
class RunConfig:
    """One training run."""

    experiment: str = ""
    """Name of the experiment file; filled in by `configs.load`."""
    name: str | None = None
    """Name of the run's folder; null makes one of date, time and seed."""
    frames: int = 1_000_000
    """Environment steps to train for, over all environments and ranks."""
    seed: int = 0
    init_seed: int | None = None
    """Seed of the initial weights; null takes `seed`."""
    env_seed: int | None = None
    """Seed of the environments; null takes `seed`."""
    init_from: str | None = None
    """A run or checkpoint whose weights training starts from."""
    runs_dir: str = "runs"
    env: Any = None
    model: Any = None
    algo: Any = None
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
