"""Learning: Lightning modules, rollouts, checkpoints and the logs of a run."""

from chisel.trainers.runs.ranks import check_announced

check_announced()  # before anything imports Lightning, which fails on what is no number

from chisel.trainers.runs.groups import resume, train_seeds  # noqa: E402  # see above
from chisel.trainers.runs.run import train  # noqa: E402  # see above

__all__ = ["resume", "train", "train_seeds"]
