"""Where runs are trained; nothing of it changes what they learn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class SlurmConfig:
    """What `launcher=slurm` asks of SLURM for each job. Null leaves it to the cluster."""

    partition: str | None = None
    """Partition that jobs are queued in."""
    account: str | None = None
    """Account that is charged."""
    qos: str | None = None
    """Quality of service."""
    constraint: str | None = None
    """Features that a machine must have."""
    time: int = 240
    """Minutes after which a job is ended, queued again, and goes on."""
    gpus: str | None = None
    """GPUs of a job: a number, or a type and a number like `a100:1`."""
    cpus: int | None = None
    """CPU cores of a job; null asks for one for each of its runs."""
    mem: str | None = None
    """Memory of a job, like `16G`."""
    runs_per_job: int = 1
    """Number of runs that train side by side in a job, and share its GPUs, cores and memory."""
    signal_delay_s: int = 120
    """Seconds before the end of a job in which its runs finish their iterations and save
    checkpoints. A run that needs longer goes on from the checkpoint before."""
    max_num_timeout: int = 20
    """Number of times that a job is queued again because its time was over."""


@dataclass(frozen=True)
class LaunchConfig:
    """Words of `chisel train` and `chisel resume` that say where runs are trained."""

    launcher: Literal["local", "slurm"] = "local"
    """Processes of this machine, or jobs of SLURM."""
    slurm: SlurmConfig = field(default_factory=SlurmConfig)
    """What SLURM is asked for."""
