"""Options that say where runs are trained. None of them changes what a run learns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class SlurmConfig:
    """Options of each job that `launcher=slurm` submits; null leaves an option to the cluster."""

    partition: str | None = None
    """Partition that jobs are queued in."""
    account: str | None = None
    """Account that is charged."""
    qos: str | None = None
    """Quality of service."""
    constraint: str | None = None
    """Features that a machine must have."""
    time: int = 240
    """Minutes after which a job ends. It is then queued again and goes on."""
    gpus: str | None = None
    """GPUs of a job: a number, or a type and a number like `a100:1`."""
    cpus: int | None = None
    """CPU cores of a job; null asks for one core for each of its runs."""
    mem: str | None = None
    """Memory of a job, like `16G`."""
    runs_per_job: int = 1
    """Number of runs that train side by side in a job and share its GPUs, cores and memory."""
    signal_delay_s: int = 120
    """Seconds before a job's end at which its runs are told to finish their iteration and save a
    checkpoint. A run that needs longer goes on from its last checkpoint."""
    max_num_timeout: int = 20
    """Most times that a job is queued again because its time was over."""


@dataclass(frozen=True)
class LaunchConfig:
    """Settings of `chisel train` and `chisel resume` that say where runs are trained."""

    launcher: Literal["local", "slurm"] = "local"
    """Train in processes on this machine (`local`), or in jobs of SLURM (`slurm`)."""
    slurm: SlurmConfig = field(default_factory=SlurmConfig)
    """Options of SLURM's jobs."""
