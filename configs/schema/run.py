"""Options of every run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from chisel.configs.schema.routing import RoutingConfig


@dataclass(frozen=True)
class TrainerConfig:
    """Options of training: hardware, precision, checkpoints and limits."""

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Hardware to train on; `auto` takes a GPU if there is one."""
    devices: int = 1
    """Number of processes on each machine, with one device each; more than 1 trains data-parallel
    (DDP)."""
    num_nodes: int = 1
    """Number of machines."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Number format: float32 (`32-true`), or bfloat16 for operations that torch's autocast converts
    (`bf16-mixed`)."""
    channels_last: bool = True
    """Keep the network's tensors in torch's channels-last memory format."""
    compile: bool = False
    """Compile the network with `torch.compile`; faster on a GPU, not on a CPU."""
    threads: int | None = None
    """Number of torch's CPU threads. Null takes one for each core that is idle when the run begins,
    and records the number in config.yaml. Results depend on it in the last bits."""
    checkpoint_every: int = 10
    """Iterations between checkpoints."""
    keep_last: int = 3
    """Number of newest checkpoints that are kept; older ones are deleted."""
    keep_every: int | None = None
    """Also keep checkpoints whose iteration is a multiple of this, for studies over training; null
    keeps only the newest."""
    max_minutes: float | None = None
    """Minutes after which training ends; the run can be resumed. Null sets no limit."""
    progress: bool = True
    """Show the progress bar."""

    @property
    def processes(self) -> int:
        """Number of processes that train one run together, on all machines."""
        return self.devices * self.num_nodes


STUDIES_WHILE_TRAINING = ("success", "p-cheese", "regression", "cheese-vector")


@dataclass(frozen=True)
class TrackingConfig:
    """Options of Weights & Biases (W&B). A CSV log is always written."""

    mode: Literal["offline", "online", "disabled"] = "offline"
    """W&B's mode: write to disk (`offline`), send while training (`online`), or don't use W&B
    (`disabled`)."""
    project: str = "chisel"
    """W&B project."""
    entity: str | None = None
    """W&B user or team; null takes your default."""
    group: str | None = None
    """W&B group of the run."""
    tags: tuple[str, ...] = ()
    """W&B tags of the run."""
    log_artifacts: bool = False
    """Log checkpoints as W&B artifacts."""
    video_every: int | None = None
    """Iterations between episode videos; null logs none."""
    field_every: int | None = None
    """Iterations between vector fields; null logs none."""
    studies: tuple[str, ...] = ()
    """Measures of the study over-training that are logged while training: success, p-cheese,
    regression, cheese-vector."""
    studies_every: int | None = None
    """Iterations between measurements for `studies`."""
    studies_levels: int = 100
    """Number of mazes of the validation split for each measurement of `studies`."""


@dataclass(frozen=True)
class EvalConfig:
    """Options of `chisel eval`: what is played."""

    levels: int = 500
    """Number of levels in each situation; in worlds without levels, number of games."""
    split: Literal["all", "train", "validation", "test"] = "test"
    """Split whose levels or examples are used; see `env.levels.split`."""
    seed: int = 1000
    """Seed of the levels or games, and of the sampled actions."""
    num_envs: int = 64
    """Number of levels played side by side."""
    greedy: bool = False
    """Take the likeliest action in each step, instead of sampling actions."""


@dataclass(frozen=True)
class RunConfig:
    """Options of a training run."""

    experiment: str = ""
    """Name of the experiment file, filled in when it is loaded."""
    name: str | None = None
    """Name of the run's folder; null makes a name of date, time and seed."""
    frames: int = 1_000_000
    """Environment steps to train for, over all environments and processes. With a corpus, examples
    to train on, where each epoch counts its examples again. Only whole iterations (epochs) are
    trained."""
    seed: int = 0
    """Seed of everything random in the run."""
    init_seed: int | None = None
    """Seed of the initial weights; null takes `seed`."""
    env_seed: int | None = None
    """Seed of the environments; null takes `seed`."""
    init_from: str | None = None
    """Run or checkpoint whose weights training starts from. If algorithm and discount are the same,
    the statistics that scale rewards are taken over too. Null starts from random weights."""
    runs_dir: str = "runs"
    """Folder of all runs; a run is in RUNS_DIR/EXPERIMENT/NAME."""
    env: Any = None
    """Environment to train in."""
    corpus: Any = None
    """Corpus to learn from, instead of an environment."""
    model: Any = None
    """Network to train."""
    algo: Any = None
    """Learning algorithm."""
    routing: RoutingConfig = field(default_factory=RoutingConfig)
    """Gradient routing."""
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    """Hardware, checkpoints and limits."""
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    """Options of W&B."""
    eval: EvalConfig = field(default_factory=EvalConfig)
    """Options of `chisel eval`."""
