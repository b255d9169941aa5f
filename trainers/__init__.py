"""Train: Lightning modules, rollouts, checkpoints, logs, and studies that train."""

from chisel.trainers.runs.ranks import check_ranks

check_ranks()  # before Lightning's import, which raises if a rank is not a number

from chisel.trainers.logging.wandb_parts import sync_command  # noqa: E402  # see above
from chisel.trainers.reproduction.running import reproduce  # noqa: E402  # see above
from chisel.trainers.runs.groups import resume, train_grid, train_seeds  # noqa: E402  # see above
from chisel.trainers.runs.local import LocalLauncher  # noqa: E402  # see above
from chisel.trainers.runs.run import train  # noqa: E402  # see above
from chisel.trainers.runs.slurm import SlurmLauncher  # noqa: E402  # see above

__all__ = [
    "LocalLauncher",
    "SlurmLauncher",
    "reproduce",
    "resume",
    "sync_command",
    "train",
    "train_grid",
    "train_seeds",
]
