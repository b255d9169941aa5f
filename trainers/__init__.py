"""Learning: Lightning modules, rollouts, checkpoints and the logs of a run."""

from trainers.groups import resume, train_seeds
from trainers.run import train

__all__ = ["resume", "train", "train_seeds"]
