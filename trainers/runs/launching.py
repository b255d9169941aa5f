"""Find out which process of a run this is, from the variables that launchers set.

When it is imported, Lightning reads its rank from variables of torchrun, SLURM and LSF, even if the
run has one process. If it starts several processes, it leaves its own variables behind.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from lightning.fabric.plugins import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.lsf import LSFEnvironment
from lightning.fabric.plugins.environments.mpi import MPIEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.fabric.utilities.rank_zero import rank_zero_only

from chisel.configs import ConfigError, TrainerConfig
from chisel.trainers.runs.ranks import number_in

_LEFT_BEHIND = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE", "RANK")
"""Variables that Lightning sets or deletes when it starts processes itself."""
_TOGETHER = {
    "RANK": "WORLD_SIZE",
    "SLURM_PROCID": "SLURM_STEP_NUM_TASKS",
    "JSM_NAMESPACE_RANK": "JSM_NAMESPACE_SIZE",
}
"""Variables in which torchrun, srun and jsrun give a process's number, and the number of processes.

`SLURM_NTASKS` is none of them: the shell of a batch script or an allocation, one process, also has
it.
"""
_LAUNCHERS: tuple[type[ClusterEnvironment], ...] = (
    TorchElasticEnvironment,
    SLURMEnvironment,
    LSFEnvironment,
    MPIEnvironment,
)
"""Launchers in the order in which Lightning looks for them."""

_lightning: Any = rank_zero_only
"""The function in whose attribute `rank` Lightning stores its rank."""


class OneProcess(LightningEnvironment):
    """The environment of a run with one process, whatever the variables say."""

    @property
    def creates_processes_externally(self) -> bool:
        """Whether another program starts the processes: no."""
        return False

    def local_rank(self) -> int:
        """Return the number of the process on its machine, 0."""
        return 0

    def node_rank(self) -> int:
        """Return the number of the machine, 0."""
        return 0

    def teardown(self) -> None:
        """Leave the variables as they are."""


class Process(NamedTuple):
    """This process among those that train together."""

    rank: int
    local_rank: int
    """Number of the process on its machine, which is also its device's."""
    environment: ClusterEnvironment
    """Object that tells Lightning the same."""


@contextmanager
def process_of(options: TrainerConfig) -> Iterator[Process]:
    """Yield which process of a run this is, and set Lightning's rank to it within the context.

    Lightning's rank and the environment variables are restored afterwards.

    Raises:
        ConfigError: If a launcher's variables contradict `trainer.devices` and `num_nodes`.
    """
    variables = {name: os.environ.get(name) for name in _LEFT_BEHIND}
    rank = _lightning.rank
    try:
        process = _process(options)
        _lightning.rank = process.rank
        yield process
    finally:
        _lightning.rank = rank
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _process(options: TrainerConfig) -> Process:
    _refuse_trainer_variables()
    if options.processes == 1:
        _refuse_part_of_many()
        return Process(0, 0, OneProcess())
    environment = _detected(options)
    if not isinstance(environment, LightningEnvironment):
        return Process(environment.global_rank(), environment.local_rank(), environment)
    node, local = environment.node_rank(), environment.local_rank()
    return Process(node * options.devices + local, local, environment)


def _refuse_trainer_variables() -> None:
    """Refuse variables from which Lightning would take options of its trainer."""
    for name in os.environ:
        if name.startswith("PL_TRAINER_"):
            raise ConfigError(
                f"{name} is set: Lightning would train with options that the config does not have; "
                "unset it and use trainer.* instead"
            )


def _refuse_part_of_many() -> None:
    """Refuse a process that was started as one of several.

    All of them are refused, because the config is for one process. A shell that `srun --pty` opens
    is one process, whatever the number of tasks.
    """
    for name, size in _TOGETHER.items():
        rank, together = number_in(name), number_in(size)
        if rank is None or together is None or together <= 1:
            continue
        if name == "SLURM_PROCID" and "SLURM_PTY_PORT" in os.environ:
            continue
        raise ConfigError(
            f"{name}={rank} and {size}={together} say that {together} processes train together, "
            f"but trainer.devices × trainer.num_nodes = 1: set them to make {together}, or unset "
            f"{size} for a run of its own"
        )


def _detected(options: TrainerConfig) -> ClusterEnvironment:
    """Return the environment of the launcher that started this process, checked with the config."""
    try:
        environment = _environment()
        if isinstance(environment, LightningEnvironment):
            _check_own(environment, options)
        else:
            _check_launcher(environment, options)
    except (KeyError, ValueError, RuntimeError, OSError) as error:
        reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise ConfigError(f"{_asked(options)}, but its launcher differs: {reason}") from error
    return environment


def _environment() -> ClusterEnvironment:
    """Choose an environment as Lightning does, but without requeueing: a signal ends training."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning suggests srun wherever it is installed
        found = next((kind for kind in _LAUNCHERS if kind.detect()), LightningEnvironment)
        return SLURMEnvironment(auto_requeue=False) if found is SLURMEnvironment else found()


def _check_launcher(environment: ClusterEnvironment, options: TrainerConfig) -> None:
    """Check that a launcher started as many processes as the config asks for."""
    world, launcher = environment.world_size(), type(environment).__name__
    if world != options.processes:
        raise ConfigError(
            f"{_asked(options)}, but {launcher.removesuffix('Environment')} started {world} "
            "process(es): start as many (torchrun --nproc-per-node, srun --ntasks-per-node), or "
            "change trainer.devices"
        )
    _check_machine(environment, options)
    environment.validate_settings(num_devices=options.devices, num_nodes=options.num_nodes)
    rank, local = environment.global_rank(), environment.local_rank()
    if not (0 <= rank < world and 0 <= local < options.devices):
        raise ConfigError(
            f"{_asked(options)}, but this is process {rank} of {world}, number {local} on its "
            "machine: start it anew with torchrun or srun"
        )


def _check_machine(environment: ClusterEnvironment, options: TrainerConfig) -> None:
    """Check that a launcher started all processes here; Lightning would wait for missing ones."""
    if isinstance(environment, SLURMEnvironment):
        tasks = number_in("SLURM_STEP_NUM_TASKS")
        if tasks != environment.world_size():
            raise ConfigError(
                f"{_asked(options)}, but srun did not start this process: SLURM_STEP_NUM_TASKS "
                f"{'is missing' if tasks is None else f'is {tasks}'}; put srun before the command"
            )
    local = number_in("LOCAL_WORLD_SIZE")
    if isinstance(environment, TorchElasticEnvironment) and local not in (None, options.devices):
        raise ConfigError(
            f"{_asked(options)}, but torchrun started {local} process(es) on this machine: use "
            f"--nproc-per-node {options.devices}, or change trainer.devices and trainer.num_nodes"
        )


def _check_own(environment: LightningEnvironment, options: TrainerConfig) -> None:
    """Check the variables if Lightning starts the other processes, or has started this one."""
    local, node = number_in("LOCAL_RANK"), environment.node_rank()
    world, rank = number_in("WORLD_SIZE"), number_in("RANK")
    started = local is not None
    problems = {
        f"LOCAL_RANK={local}": started and local not in range(options.devices),
        f"NODE_RANK={node}": node not in range(options.num_nodes),
        f"LOCAL_RANK={local} without MASTER_PORT": started and "MASTER_PORT" not in os.environ,
        f"WORLD_SIZE={world}": started and world not in (None, options.processes),
        f"RANK={rank}": not started and rank not in (None, node * options.devices),
    }
    for problem, found in problems.items():
        if found:
            raise ConfigError(
                f"{_asked(options)}, but {problem} says otherwise: unset it, or start all "
                "processes with torchrun or srun"
            )


def _asked(options: TrainerConfig) -> str:
    nodes = f" and trainer.num_nodes = {options.num_nodes}" if options.num_nodes > 1 else ""
    return f"trainer.devices = {options.devices}{nodes}"
