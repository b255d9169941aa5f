"""Options of a run, whatever it trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from chisel.configs.schema.routing import RoutingConfig


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


STUDIES_WHILE_TRAINING = ("success", "p-cheese", "regression", "cheese-vector")


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
    studies: tuple[str, ...] = ()
    """Measures of the study over-training to be logged meanwhile, of `STUDIES_WHILE_TRAINING`."""
    studies_every: int | None = None
    """Iterations between them."""
    studies_levels: int = 100
    """Held-out mazes of the validation split for each of them."""


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
    """Name of the experiment file; filled in by `chisel.configs.parsing.load`."""
    name: str | None = None
    """Name of the run's folder; null makes one of date, time and seed."""
    frames: int = 1_000_000
    """Environment steps to train for, over all environments and ranks. With a corpus: examples to
    train on, each epoch anew. As many whole iterations (epochs) as fit are trained."""
    seed: int = 0
    init_seed: int | None = None
    """Seed of the initial weights; null takes `seed`."""
    env_seed: int | None = None
    """Seed of the environments; null takes `seed`."""
    init_from: str | None = None
    """A run or checkpoint whose weights training starts from; and, where algorithm and discount are
    the same, the statistics that scale rewards."""
    runs_dir: str = "runs"
    env: Any = None
    corpus: Any = None
    """Corpus of examples to learn from, instead of an environment."""
    model: Any = None
    algo: Any = None
    routing: RoutingConfig = field(default_factory=RoutingConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
