"""Learning: Lightning modules, rollouts, checkpoints and the logs of a run."""

from chisel.trainers.runs.ranks import check_ranks

check_ranks()  # before Lightning is imported, which fails if one is no number

from chisel.trainers.reproduction.running import reproduce  # noqa: E402  # see above
from chisel.trainers.runs.groups import resume, train_seeds  # noqa: E402  # see above
from chisel.trainers.runs.run import train  # noqa: E402  # see above

__all__ = ["reproduce", "resume", "train", "train_seeds"]
