"""Networks: plain torch modules whose every interesting intermediate has a name."""

from models.actor_critic import ActorCritic
from models.build import build
from models.serialize import (
    checkpoint_name,
    file_digest,
    iteration_of,
    latest_valid,
    prune,
    read_checkpoint,
    write_checkpoint,
)
from models.spaces import Spaces, spaces_of, to_tensor

__all__ = [
    "ActorCritic",
    "Spaces",
    "build",
    "checkpoint_name",
    "file_digest",
    "iteration_of",
    "latest_valid",
    "prune",
    "read_checkpoint",
    "spaces_of",
    "to_tensor",
    "write_checkpoint",
]
